/** Tests one instance: start, readiness, checks, a period of watching, the checks again, stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runChecks } from './checks.ts';
import { monotonic } from './clock.ts';
import type { DiskOptions } from './disk.ts';
import { Finding } from './finding.ts';
import type { Backend } from './backend.ts';
import { StartError, type Instance, type InstanceOptions } from './instance.ts';
import type { BootPlan } from './plan.ts';
import { waitUntilReady } from './ready.ts';
import { examineUnits, readPorts } from './examine.ts';
import { JournalFollower } from './follow-journal.ts';
import { lastLogLinesOf } from './journal.ts';
import { askTimeout } from './units.ts';
import type { Cause, CheckResult, InstanceOutcome, InstanceReport } from './verdict.ts';
import { Watch, type WatchOptions } from './watch.ts';

export interface TestOptions
  extends
    Omit<InstanceOptions, 'onLine' | 'onOutput' | 'init' | 'limits'>,
    DiskOptions,
    Pick<WatchOptions, 'number'> {
  backend: Backend;
  plan: BootPlan;
  signal: AbortSignal;
  /** Called with each line of its output. */
  onOutputLine?: (line: string) => void;
  /** Called with each line of its journal, which costs its time. */
  onJournalLine?: ((line: string) => void) | undefined;
  /** Called with a failed instance that still runs; it is removed when this returns. */
  hold?: ((instance: Instance, outcome: InstanceOutcome) => Promise<void>) | undefined;
  /** Absent for an image that is tested alone. */
  company?: Company | undefined;
}

/** The other services of a stack, beside which an instance is tested. */
export interface Company {
  /** Aborted once another of them has failed: then this one is examined and stopped, and has no cause of its own. */
  signal: AbortSignal;
  ready(instance: Instance): void;
  /** Aborts the tests of the others. */
  failed(): void;
  /** Resolves when all are ready and have passed the checks between them. */
  together(signal: AbortSignal): Promise<void>;
  /** Resolves when no other needs this one any more. */
  alone(): Promise<void>;
}

const maxLogLines = 100;
const maxLastLines = 5;
/** Milliseconds: what became ready at the last moment, or passed before, gets some time to answer. */
const minCheckMilliseconds = 5000;

/** Returns what was found: any behaviour of the image is a result. Throws INTERRUPTED, HOST_MISSING. */
export async function testInstance(options: TestOptions): Promise<InstanceOutcome> {
  const { backend, number, plan } = options;
  const log: string[] = [];
  let written = 0;
  const report: InstanceReport = {
    instance: number,
    failedUnits: [],
    restartedUnits: [],
    journalErrors: [],
    oomKills: 0,
    log,
  };
  const outcome: InstanceOutcome = { report, causes: [], checks: [] };
  let instance: Instance;
  try {
    instance = await backend.start({
      ...options,
      init: plan.init,
      limits: plan.limits,
      wanted: plan,
      onLine: (line) => {
        log.push(line);
        if (log.length > maxLogLines) log.shift();
        options.onOutputLine?.(line);
      },
      onOutput: (bytes) => (written += bytes),
    });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    outcome.causes.push({ code: 'start-failed', message: error.message, instance: number });
    options.company?.failed();
    return outcome;
  }
  if (instance.kernel !== undefined) outcome.kernel = instance.kernel;
  try {
    await watchPlan(instance, { ...options, output: () => written }, outcome);
    if (!instance.hasEnded) await options.hold?.(instance, outcome);
    return outcome;
  } finally {
    await instance.remove();
  }
}

async function watchPlan(
  instance: Instance,
  options: TestOptions & Pick<WatchOptions, 'output'>,
  outcome: InstanceOutcome,
): Promise<void> {
  const { plan, number, signal, hold, onJournalLine, company } = options;
  const watch = new Watch({ ...options, instance, limits: plan.limits });
  watch.endIsFine = plan.ready.exit !== undefined;
  const found: Cause[] = [];
  const add = (finding: Finding, words: string[] = []) => {
    const lastLines = words.length > 0 ? `; its last words: ${words.slice(-maxLastLines).join(' | ')}` : '';
    found.push({ code: finding.code, message: `${finding.message}${lastLines}`, instance: number });
  };
  const journal =
    onJournalLine && plan.init ? new JournalFollower(instance, onJournalLine, signal) : undefined;
  try {
    const ends = [signal, watch.signal, ...(company ? [company.signal] : [])];
    const any = AbortSignal.any(ends);
    await runPlan(instance, plan, { number, signal: any, company }, outcome).catch(async (error: unknown) => {
      signal.throwIfAborted();
      if (error instanceof Finding) add(error, await wordsOf(instance, error.unit, any));
      // The watch ended the test, and reports the cause itself; or another service has failed.
      else if (!any.aborted) throw error;
    });
    const isAbandoned = company?.signal.aborted === true && found.length + watch.causes.length === 0;
    if (found.length + watch.causes.length > 0) company?.failed();
    // An instance that fills the disk or the process table must be stopped first; one that is out of memory can be
    // asked.
    const canAnswer = watch.causes.every(({ code }) => code === 'out-of-memory');
    if (plan.init && !instance.hasEnded && canAnswer) {
      // What fails now may do so for want of the service that has failed.
      await examineUnits(instance, plan, signal, outcome.report, found, isAbandoned ? () => {} : add);
    }
    await readPorts(instance, outcome.report);
    await journal?.end();
    const hasFailed = found.length + watch.causes.length > 0;
    if (hasFailed) company?.failed();
    else await company?.alone();
    if (hold && hasFailed) watch.endIsFine = true;
    else await stop(instance, plan, watch, outcome.report, add);
  } finally {
    await journal?.end();
    await watch.end();
  }
  const group = await instance.group();
  if (group.memoryPeak !== undefined) outcome.report.peakMemory = group.memoryPeak;
  outcome.report.oomKills = group.oomKills ?? 0;
  outcome.report.used = watch.used(group);
  outcome.causes.push(...withLog(watch.causes, outcome.report.log), ...found);
}

/** The exit status alone does not explain an end, but the output may. */
function withLog(causes: Cause[], log: string[]): Cause[] {
  return causes.map((cause) =>
    cause.code === 'exited' && log.length > 0
      ? { ...cause, message: `${cause.message}; its last words: ${log.slice(-maxLastLines).join(' | ')}` }
      : cause,
  );
}

async function runPlan(
  instance: Instance,
  plan: BootPlan,
  { number, signal, company }: Pick<TestOptions, 'number' | 'signal' | 'company'>,
  { report, checks }: InstanceOutcome,
): Promise<void> {
  const readyAt = await waitUntilReady(instance, plan, signal);
  report.readySeconds = Math.round(readyAt - instance.startedAt) / 1000;
  company?.ready(instance);
  if (plan.ready.exit !== undefined) return;
  const remaining = instance.startedAt + plan.readyTimeout - monotonic();
  const context = { instance, number, signal, timeout: Math.max(remaining, minCheckMilliseconds) };
  checks.push(...(await runChecks(context, plan.checks)));
  requireChecks(checks);
  await company?.together(signal);
  // The instance may fail a moment after it reported that it is ready.
  await sleep(plan.settle, undefined, { signal });
  const once = plan.checks.map((check) => ({ ...check, timeout: minCheckMilliseconds }));
  const again = await runChecks(context, once);
  for (const [index, result] of again.entries()) if (!result.passed) checks[index] = result;
  requireChecks(checks);
  await company?.together(signal);
}

function requireChecks(checks: CheckResult[]): void {
  const failed = checks.filter(({ passed }) => !passed);
  if (failed.length === 0) return;
  const words = failed.map(({ check, problem, seconds }) => `${check}: ${problem} after ${seconds} s`);
  throw new Finding('check-failed', words.join('; '));
}

async function wordsOf(instance: Instance, unit: string | undefined, signal: AbortSignal): Promise<string[]> {
  if (unit === undefined || instance.hasEnded) return [];
  return lastLogLinesOf(instance, unit, { timeout: askTimeout, signal }).catch(() => []);
}

async function stop(
  instance: Instance,
  { stopTimeout }: BootPlan,
  watch: Watch,
  report: InstanceReport,
  add: (finding: Finding) => void,
): Promise<void> {
  if (!instance.hasEnded && watch.causes.length > 0) {
    watch.endIsFine = true;
    await instance.kill();
  }
  if (!instance.hasEnded) {
    watch.endIsFine = true;
    const asked = monotonic();
    const inTime = await instance.stop(stopTimeout);
    report.stopSeconds = Math.round(monotonic() - asked) / 1000;
    if (!inTime) {
      const reason = `it did not end within ${stopTimeout / 1000} s of ${instance.stopSignal}`;
      const first = 'the first process gets only the signals that it has a handler for';
      add(new Finding('not-stopped', instance.init ? reason : `${reason}; ${first}`));
    }
  }
  const { exitCode } = await instance.ended;
  if (exitCode !== undefined) report.exitCode = exitCode;
}
