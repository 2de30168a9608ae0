/** For `boot`: tests several instances of an image at once, each on its own tree. Their results make the verdict. */
import { release } from 'node:os';
import { findRuntime } from '../../lib/container/runtime.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { checkInotify } from '../../stages/boot/inotify.ts';
import { testInstance } from '../../stages/boot/test-instance.ts';
import { makeVerdict, type InstanceOutcome, type Verdict } from '../../stages/boot/verdict.ts';
import { holdToDigest } from '../base/hold-to-digest.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { writeVerdict } from '../state/verdicts.ts';
import { bootPlanOf } from './boot-plan.ts';
import { withInstance } from './instance-root.ts';

/**
 * Returns the verdict, passed or not, and stores it in the state. Throws IMAGE_NOT_FOUND, TREE_CHANGED, HOST_MISSING,
 * INTERRUPTED.
 */
export async function bootImage(context: Context, image: string, arch?: string): Promise<Verdict> {
  return bootRecorded(context, await findRecord(context.state, image, arch));
}

/** As bootImage, for a record that was read before: another image of its name may have been built since. */
export async function bootRecorded(context: Context, record: ImageRecord): Promise<Verdict> {
  const { name, manifestDigest, test, arch } = record;
  await holdToDigest(context, record);
  const host = { runtime: await findRuntime(), kernel: release(), architecture: arch };
  const started = new Date().toISOString();
  if (bootPlanOf(test).init) await checkInotify(test.instances);
  const numbers = Array.from({ length: test.instances }, (_, index) => index + 1);
  const many = numbers.length > 1 ? `${numbers.length} instances of ` : '';
  context.progress.step(`booting ${many}${name}`);
  const outcomes = await inParallel(numbers, numbers.length, context.signal, (number, signal) =>
    bootOne(context, record, number, signal),
  );
  const finished = new Date().toISOString();
  const verdict = makeVerdict({ name, manifestDigest, plan: test, host, started, finished }, outcomes);
  await writeVerdict(context.state, verdict);
  return verdict;
}

/** The error carries the whole verdict, or the digest of the stored one, because its evidence may be long. */
export function bootFailure(verdict: Verdict, storedVerdict?: Digest): MillinerError {
  const words = verdict.causes.map(
    ({ code, message, instance }) => `${code} (instance ${instance}): ${message}`,
  );
  return new MillinerError('BOOT_FAILED', `${verdict.name} did not pass:\n${words.join('\n')}`, {
    details:
      storedVerdict === undefined
        ? { ...verdict }
        : {
            passed: false,
            manifestDigest: verdict.manifestDigest,
            causes: verdict.causes,
            verdict: storedVerdict,
          },
  });
}

async function bootOne(
  context: Context,
  record: ImageRecord,
  number: number,
  signal: AbortSignal,
): Promise<InstanceOutcome> {
  const plan = bootPlanOf(record.test);
  return withInstance(context, record, { number, of: record.test.instances }, async (place) => {
    const outcome = await testInstance({
      ...place,
      number,
      plan,
      signal,
    });
    const { readySeconds } = outcome.report;
    const what = readySeconds === undefined ? 'was never ready' : `was ready after ${readySeconds} s`;
    context.progress.step(`${record.name} (${number}): ${what}`);
    return outcome;
  });
}
