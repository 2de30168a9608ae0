/** How a release that did not publish its image counts in a night. */
import type { Digest } from '../lib/oci/digest.ts';
import { errorTable, type ErrorCode } from '../lib/errors/error.ts';
import type { Failure } from '../lib/errors/wire.ts';
import type { MemberMemory } from '../pipeline/state/set-memory.ts';
import type { ReleaseStatus } from '../queue/status.ts';

/** A part of a release that did not pass. */
export interface StageFailure extends Failure {
  stage: string;
  arch?: string;
}

type Failing = NonNullable<MemberMemory['failing']>;

/** Of what may pass, such as a server that does not answer. */
export function isPassing(code: string): boolean {
  const row: { retryable?: boolean } | undefined = errorTable[code as ErrorCode];
  return row?.retryable === true;
}

/** A held tag and a base that failed say nothing of the image. */
const notItsFault = new Set(['TAG_HELD', 'BASE_FAILED']);

/**
 * Nights in a row; a change of the recipe begins anew, and a day counts once. What may pass is no fault of the recipe, and
 * does not count. `day` is YYYY-MM-DD.
 */
export function failingAfter(
  before: Failing | undefined,
  content: string,
  day: string,
  { stage, code, message, hint }: Failing['failure'],
): Failing | undefined {
  if (isPassing(code) || notItsFault.has(code)) return before;
  const isSame = before?.content === content;
  const nights = !isSame ? 1 : before.day === day ? before.nights : before.nights + 1;
  return { nights, day, content: content as Digest, failure: { stage, code, message, hint } };
}

/** The first stage that failed tells more than the release. */
export function failureOfRelease({ release, state, error, stages }: ReleaseStatus): StageFailure {
  const failed = stages.find((one) => one.state === 'failed' && one.error);
  if (failed?.error) {
    const { stage, arch } = failed;
    return { ...failed.error, stage, ...(arch !== undefined && { arch }) };
  }
  if (error) return { ...error, stage: 'release' };
  const hint = `Continue it with milliner queue retry ${release}.`;
  const code = state === 'cancelled' ? ('RELEASE_CANCELLED' as const) : ('RELEASE_FAILED' as const);
  return { code, message: `${release} is ${state}`, hint, stage: 'release' };
}
