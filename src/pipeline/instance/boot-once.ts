/** Tests several instances of an image at once, each on its own tree. Their outcomes make one verdict. */
import { release } from 'node:os';
import { inParallel, meeting } from '../../lib/host/parallel.ts';
import type { Backend } from '../../stages/boot/backend.ts';
import { checkInotify } from '../../stages/boot/inotify.ts';
import { testInstance } from '../../stages/boot/test-instance.ts';
import {
  makeVerdict,
  type FailedAttempt,
  type InstanceOutcome,
  type Verdict,
} from '../../stages/boot/verdict.ts';
import { holdToDigest } from '../base/hold-to-digest.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { bootPlanOf } from './boot-plan.ts';
import { describeRunning, type HeldInstance } from './held-instance.ts';
import { InstanceLog } from './instance-log.ts';
import { withInstance } from './instance-root.ts';
import { privilegedFiles } from './privileged-files.ts';

/** Called with the number of an instance and each line of its output and its journal. */
export type OnSaid = (instance: number, line: string) => void;

interface OneBoot {
  backend: Backend;
  onSaid: OnSaid | undefined;
  /** Whether instances that failed go on running while their verdict is settled. */
  holds: boolean;
  /** The boots before this one. */
  failed: readonly FailedAttempt[];
  /** Decides about the verdict, and looks at the instances that are held. */
  settle: (verdict: Verdict, held: HeldInstance[]) => Promise<Verdict>;
}

/** Throws what concerns the host, and not the image: that is no reason for a retry. */
export async function bootOnce(context: Context, record: ImageRecord, boot: OneBoot): Promise<Verdict> {
  const { name, manifestDigest, test, arch } = record;
  await holdToDigest(context, record);
  const privileged = await privilegedFiles(context, record.tree);
  const started = new Date().toISOString();
  if (bootPlanOf(test).init && !boot.backend.ownDisk) await checkInotify(test.instances);
  const numbers = Array.from({ length: test.instances }, (_, index) => index + 1);
  const many = numbers.length > 1 ? `${numbers.length} instances of ` : '';
  context.progress.step(`booting ${many}${name}`);
  const outcomes: InstanceOutcome[] = [];
  const held: HeldInstance[] = [];
  const settled = Promise.withResolvers<Verdict>();
  const allTold = meeting(numbers.length, async () => {
    const finished = new Date().toISOString();
    const guest = outcomes.find(({ kernel }) => kernel !== undefined)?.kernel;
    const runtime = `${boot.backend.title}${guest === undefined ? '' : `, guest Linux ${guest}`}`;
    const host = { runtime, kernel: release(), architecture: arch };
    const about = { name, manifestDigest, privileged, plan: test, host, started, finished };
    settled.resolve(await boot.settle(makeVerdict(about, outcomes, [...boot.failed]), held));
  });
  await inParallel(numbers, numbers.length, context.signal, (number, signal) =>
    bootOne(context, record, boot, {
      number,
      signal,
      tell: async (outcome, running) => {
        outcomes[number - 1] = outcome;
        if (running) held.push(running);
        await allTold(signal);
      },
    }),
  );
  return settled.promise;
}

interface OneInstance {
  number: number;
  signal: AbortSignal;
  /** Returns when all instances have told their outcome and the verdict is settled. */
  tell: (outcome: InstanceOutcome, held?: HeldInstance) => Promise<void>;
}

async function bootOne(
  context: Context,
  record: ImageRecord,
  { backend, onSaid, holds }: OneBoot,
  { number, signal, tell }: OneInstance,
): Promise<void> {
  const plan = bootPlanOf(record.test);
  await withInstance(context, record, { number, of: record.test.instances, backend }, async (place) => {
    const log = holds ? new InstanceLog(place.directory) : undefined;
    let isHeld = false;
    try {
      const outcome = await testInstance({
        ...place,
        backend,
        number,
        plan,
        signal,
        onOutputLine: (line) => {
          log?.write(line);
          onSaid?.(number, line);
        },
        onJournalLine: onSaid && ((line) => onSaid(number, line)),
        hold: holds
          ? async (instance, failed) => {
              isHeld = true;
              const running = await describeRunning(record, place, instance, { backend: backend.name });
              await tell(failed, { running, ended: instance.ended });
            }
          : undefined,
      });
      const { readySeconds } = outcome.report;
      const what = readySeconds === undefined ? 'was never ready' : `was ready after ${readySeconds} s`;
      context.progress.step(`${record.name} (${number}): ${what}`);
      if (!isHeld) await tell(outcome);
    } finally {
      log?.close();
    }
  });
}
