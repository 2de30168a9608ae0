/** Looks at an instance before it is stopped: what the verdict tells of its units, journal and ports. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from './clock.ts';
import { Finding } from './finding.ts';
import type { Instance } from './instance.ts';
import { countJournal, lastLogLinesOf, readJournalErrors } from './journal.ts';
import type { BootPlan } from './plan.ts';
import { readStageTimes, stagesOf, unitTimesOf } from './unit-times.ts';
import { isRestarting, restarted } from './unit-trouble.ts';
import { askTimeout, describeFailure, listUnits, type AskOptions, type Unit } from './units.ts';
import type { Cause, InstanceReport } from './verdict.ts';

/** Looks at all units, whether the awaited one started or not. */
export async function examineUnits(
  instance: Instance,
  { allow }: BootPlan,
  signal: AbortSignal,
  report: InstanceReport,
  found: Cause[],
  add: (finding: Finding, words: string[]) => void,
): Promise<void> {
  const deadline = monotonic() + askTimeout;
  const ask = () => ({ timeout: Math.max(1, deadline - monotonic()), signal });
  const units = await listUnits(instance, undefined, ask());
  // systemd always has units, so an empty list means that it did not answer.
  if (!units || units.length === 0) {
    const silent = new Finding('not-ready', 'systemd did not answer when it was asked for its units');
    if (found.length === 0) add(silent, []);
    return;
  }
  const isAllowed = ({ name }: Unit) => allow.units.includes(name);
  const failed = units.filter(({ active }) => active === 'failed');
  const again = units.filter((unit) => isRestarting(unit) && !isAllowed(unit));
  report.failedUnits = namesOf(failed.filter((unit) => !isAllowed(unit)));
  report.restartedUnits = namesOf(again);
  report.allowedFailures = namesOf(failed.filter(isAllowed));
  await readEvidence(instance, units, report, ask);
  const isKnown = ({ name }: Unit) => found.some(({ message }) => message.startsWith(`${name} `));
  const words = async ({ name }: Unit) =>
    monotonic() < deadline ? lastLogLinesOf(instance, name, ask()) : [];
  for (const unit of failed.filter((one) => !isAllowed(one) && !isKnown(one))) {
    add(new Finding('unit-failed', describeFailure(unit)), await words(unit));
  }
  for (const unit of again.filter((one) => !isKnown(one))) add(restarted(unit), await words(unit));
}

const namesOf = (units: Unit[]) => units.map(({ name }) => name).toSorted();

async function readEvidence(
  instance: Instance,
  units: Unit[],
  report: InstanceReport,
  ask: () => AskOptions,
): Promise<void> {
  const journal = await readJournalErrors(instance, ask());
  if (typeof journal === 'string') report.journalProblem = journal;
  else report.journalErrors = journal;
  const counts = await countJournal(instance, ask());
  if (counts) report.journalCounts = counts;
  const times = await readStageTimes(instance, ask());
  if (!times) return;
  report.stages = stagesOf(times);
  report.units = unitTimesOf(units, times.userspace + instance.clockAhead);
}

/** Of an instance that runs; one that ends at this moment has none that could be read. */
export async function readPorts(instance: Instance, report: InstanceReport): Promise<void> {
  if (instance.hasEnded || !instance.network) return;
  const ports = await instance.network.listening().catch(async (error: unknown) => {
    if (!(await endsSoon(instance))) throw error;
    return undefined;
  });
  if (ports) report.ports = ports;
}

/** The kernel has ended the first process before its end is told here. */
async function endsSoon(instance: Instance): Promise<boolean> {
  const late = new AbortController();
  const ended = await Promise.race([
    instance.ended.then(() => true),
    sleep(askTimeout, false, { signal: late.signal }),
  ]);
  late.abort();
  return ended;
}
