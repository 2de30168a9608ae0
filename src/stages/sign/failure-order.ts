/** Chooses the reason to report if several signatures were checked and none is valid. */
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';

/**
 * The first code that occurs is reported: a damaged signature of the expected key matters more than one of another key.
 */
export const bySeverity: readonly ErrorCode[] = [
  'IMAGE_ALTERED',
  'SIGNED_ELSEWHERE',
  'SIGNATURE_UNNAMED',
  'VERDICT_REVOKED',
  'VERDICT_MISSING',
  'SIGNATURE_REFUSED',
  'SIGNATURE_WRONG_KEY',
];

/** Undefined if there is none. */
export function worstOf(failures: readonly MillinerError[]): MillinerError | undefined {
  const found = bySeverity.flatMap((code) => failures.find((error) => error.code === code) ?? []);
  return found[0] ?? failures[0];
}

/** The result of `examine` for the first candidate for which it does not throw; undefined skips a candidate. */
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
  throw worstOf(failures) ?? missing();
}

export function wrongKey(name: string): MillinerError {
  return new MillinerError('SIGNATURE_WRONG_KEY', `${name} is signed with another key`);
}
