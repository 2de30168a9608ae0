/** Which reason a refusal gives where several signatures were looked at and none holds. */
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';

/** The first that there is among the failures: someone else's signature beside a damaged one of ours is no news. */
export const bySeverity: readonly ErrorCode[] = [
  'IMAGE_ALTERED',
  'SIGNED_ELSEWHERE',
  'SIGNATURE_UNNAMED',
  'VERDICT_REVOKED',
  'VERDICT_MISSING',
  'SIGNATURE_REFUSED',
  'SIGNATURE_WRONG_KEY',
];

/** Undefined where there is none. */
export function mostSevere(failures: readonly MillinerError[]): MillinerError | undefined {
  const found = bySeverity.flatMap((code) => failures.find((error) => error.code === code) ?? []);
  return found[0] ?? failures[0];
}

/** What `examine` gives for the first candidate at which it does not throw; undefined passes over one. */
export function firstValid<Candidate, Found>(
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
  throw mostSevere(failures) ?? missing();
}

export function wrongKey(name: string): MillinerError {
  return new MillinerError('SIGNATURE_WRONG_KEY', `${name} is signed with another key`);
}
