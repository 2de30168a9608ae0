/** Which reason a refusal gives where several signatures were looked at and none holds. */
import { MillinerError, type ErrorCode } from '../errors.ts';

/** The first that there is among the failures: someone else's signature beside a damaged one of ours is no news. */
const gravity: readonly ErrorCode[] = [
  'IMAGE_ALTERED',
  'SIGNED_ELSEWHERE',
  'VERDICT_MISSING',
  'SIGNATURE_REFUSED',
  'SIGNATURE_WRONG_KEY',
];

/** What `examine` gives for the first candidate at which it does not throw; undefined passes over one. */
export function firstThatHolds<Candidate, Found>(
  candidates: Iterable<Candidate>,
  examine: (candidate: Candidate) => Found | undefined,
  missing: () => MillinerError,
): Found {
  const failures: MillinerError[] = [];
  for (const candidate of candidates) {
    try {
      const found = examine(candidate);
      if (found !== undefined) return found;
    } catch (error) {
      if (!(error instanceof MillinerError)) throw error;
      failures.push(error);
    }
  }
  for (const code of gravity) {
    const failure = failures.find((error) => error.code === code);
    if (failure) throw failure;
  }
  throw failures[0] ?? missing();
}

export function wrongKey(name: string): MillinerError {
  return new MillinerError('SIGNATURE_WRONG_KEY', `${name} is signed with another key`);
}
