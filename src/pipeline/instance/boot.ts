/**
 * For `boot`: tests several instances of an image at once, each on its own tree, and again where the recipe allows
 * retries. Their results make the verdict.
 */
import { release } from 'node:os';
import type { BackendName } from '../../lib/container/backend-names.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { canRetry, failedAttemptOf } from '../../stages/boot/attempts.ts';
import type { Backend } from '../../stages/boot/backend.ts';
import { compareBoots, factsOf, judged } from '../../stages/boot/compare-boots.ts';
import { checkInotify } from '../../stages/boot/inotify.ts';
import { testInstance } from '../../stages/boot/test-instance.ts';
import {
  makeVerdict,
  type FailedAttempt,
  type InstanceOutcome,
  type Verdict,
} from '../../stages/boot/verdict.ts';
import { holdToDigest } from '../base/hold-to-digest.ts';
import { lastGood, readBootHistory, rememberBoot } from '../state/boot-history.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { writeVerdict } from '../state/verdicts.ts';
import { bootPlanOf } from './boot-plan.ts';
import { withInstance } from './instance-root.ts';
import { workingBackend } from './working-backend.ts';
import { privilegedFiles } from './privileged-files.ts';

export interface BootOptions {
  arch?: string | undefined;
  /** Instead of the recipe's. */
  backend?: BackendName | 'auto' | undefined;
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
  return bootRecorded(context, await findRecord(context.state, image, options.arch), options.backend);
}

/** As bootImage, for a record that was read before: another image of its name may have been built since. */
export async function bootRecorded(
  context: Context,
  record: ImageRecord,
  wanted: BackendName | 'auto' = record.test.backend ?? 'auto',
): Promise<Verdict> {
  const { retries = 0 } = record.test;
  const backend = await workingBackend(context, wanted, bootPlanOf(record.test));
  let failed: FailedAttempt[] = [];
  let verdict = await bootOnce(context, record, backend, failed);
  while (failed.length < retries && canRetry(verdict)) {
    const codes = [...new Set(verdict.causes.map(({ code }) => code))].join(', ');
    const turn = `retry ${failed.length + 1} of ${retries}`;
    context.progress.warn(`${record.name} did not pass (${codes}): ${turn} on a fresh tree`);
    failed = [...failed, failedAttemptOf(verdict)];
    verdict = await bootOnce(context, record, backend, failed);
  }
  verdict = await rememberBoot(context, record.arch, verdict);
  await writeVerdict(context.state, verdict);
  return verdict;
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

/** Throws what concerns the host, and not the image: that is no reason for a retry. */
async function bootOnce(
  context: Context,
  record: ImageRecord,
  backend: Backend,
  failed: FailedAttempt[],
): Promise<Verdict> {
  const { name, manifestDigest, test, arch } = record;
  await holdToDigest(context, record);
  const privileged = await privilegedFiles(context, record.tree);
  const host = { runtime: backend.title, kernel: release(), architecture: arch };
  const started = new Date().toISOString();
  if (bootPlanOf(test).init) await checkInotify(test.instances);
  const numbers = Array.from({ length: test.instances }, (_, index) => index + 1);
  const many = numbers.length > 1 ? `${numbers.length} instances of ` : '';
  context.progress.step(`booting ${many}${name}`);
  const outcomes = await inParallel(numbers, numbers.length, context.signal, (number, signal) =>
    bootOne(context, record, backend, { number, signal }),
  );
  const finished = new Date().toISOString();
  const about = { name, manifestDigest, privileged, plan: test, host, started, finished };
  return comparedWithLastGood(context, record, makeVerdict(about, outcomes, failed));
}

async function bootOne(
  context: Context,
  record: ImageRecord,
  backend: Backend,
  { number, signal }: { number: number; signal: AbortSignal },
): Promise<InstanceOutcome> {
  const plan = bootPlanOf(record.test);
  return withInstance(context, record, { number, of: record.test.instances, backend }, async (place) => {
    const outcome = await testInstance({ ...place, backend, number, plan, signal });
    const { readySeconds } = outcome.report;
    const what = readySeconds === undefined ? 'was never ready' : `was ready after ${readySeconds} s`;
    context.progress.step(`${record.name} (${number}): ${what}`);
    return outcome;
  });
}
