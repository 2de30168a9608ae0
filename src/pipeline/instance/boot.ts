/** For `boot`: a verdict on an image, with the boots that failed before and what became worse since the last good one. */
import type { BackendName } from '../../lib/container/backend-names.ts';
import { canRetry, failedAttemptOf } from '../../stages/boot/attempts.ts';
import { compareBoots, factsOf, judged } from '../../stages/boot/compare-boots.ts';
import type { FailedAttempt, Verdict } from '../../stages/boot/verdict.ts';
import { lastGood, readBootHistory, rememberBoot } from '../state/boot-history.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { writeVerdict } from '../state/verdicts.ts';
import { bootOnce, type OnSaid } from './boot-once.ts';
import { bootPlanOf } from './boot-plan.ts';
import type { HeldInstance } from './held-instance.ts';
import { workingBackend } from './working-backend.ts';

export interface BootOptions {
  arch?: string | undefined;
  /** Instead of the recipe's. */
  backend?: BackendName | 'auto' | undefined;
  onSaid?: OnSaid | undefined;
  /** Called with the verdict and the failed instances that still run; they go on until this returns. */
  onHeld?: ((verdict: Verdict, held: HeldInstance[]) => Promise<void>) | undefined;
}

/**
 * Returns the verdict, passed or not, and stores it in the state. Throws IMAGE_NOT_FOUND, TREE_CHANGED, HOST_MISSING,
 * BACKEND_LACKS, INTERRUPTED.
 */
export async function bootImage(
  context: Context,
  image: string,
  options: BootOptions = {},
): Promise<Verdict> {
  return bootRecorded(context, await findRecord(context.state, image, options.arch), options);
}

/** As bootImage, for a record that was read before: another image of its name may have been built since. */
export async function bootRecorded(
  context: Context,
  record: ImageRecord,
  { backend: wanted = record.test.backend ?? 'auto', onSaid, onHeld }: Omit<BootOptions, 'arch'> = {},
): Promise<Verdict> {
  const { retries = 0 } = record.test;
  const backend = await workingBackend(context, wanted, bootPlanOf(record.test));
  const failed: FailedAttempt[] = [];
  for (;;) {
    let isLast = true;
    const settle = async (made: Verdict, held: HeldInstance[]) => {
      const compared = await comparedWithLastGood(context, record, made);
      isLast = failed.length >= retries || !canRetry(compared);
      if (!isLast) return compared;
      const verdict = await rememberBoot(context, record.arch, compared);
      await writeVerdict(context.state, verdict);
      if (held.length > 0) await onHeld?.(verdict, held);
      return verdict;
    };
    const verdict = await bootOnce(context, record, {
      backend,
      onSaid,
      holds: onHeld !== undefined,
      failed,
      settle,
    });
    if (isLast) return verdict;
    const codes = [...new Set(verdict.causes.map(({ code }) => code))].join(', ');
    const turn = `retry ${failed.length + 1} of ${retries}`;
    context.progress.warn(`${record.name} did not pass (${codes}): ${turn} on a fresh tree`);
    failed.push(failedAttemptOf(verdict));
  }
}

/** The verdict with what became worse since the last good boot; it fails where the recipe says so. */
async function comparedWithLastGood(
  { state }: Context,
  { arch, test }: ImageRecord,
  verdict: Verdict,
): Promise<Verdict> {
  const facts = factsOf(verdict);
  const before = lastGood(await readBootHistory(state, { name: verdict.name, arch }), facts);
  return before ? judged(verdict, compareBoots(facts, before, test.compare)) : verdict;
}
