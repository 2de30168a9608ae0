/**
 * Compares a boot with the last good one of the same recipe: what is worse, though each check passes. Small differences
 * of times and sizes are noise, and do not count.
 */
import type { CompareRule, ComparedKind } from '../recipe/schema.ts';
import {
  maxChanges,
  priorities,
  type Change,
  type Comparison,
  type JournalCounts,
  type ListeningPort,
  type PrivilegedFile,
} from './evidence.ts';
import type { CauseCode, Verdict } from './verdict.ts';

/** What can have become worse, and the cause of a verdict where that is fatal. */
const comparedCodes = {
  units: 'unit-newly-failed',
  ports: 'port-opened',
  setuid: 'rights-added',
  memory: 'memory-grown',
  time: 'boot-slowed',
  journal: 'journal-worse',
} as const satisfies Record<ComparedKind, CauseCode>;

/** What is kept of a good boot. */
export interface BootFacts {
  manifestDigest: string;
  /** ISO 8601. */
  finished: string;
  /** Without its version: `runc`. */
  backend: string;
  instances: number;
  cpus?: number;
  failedUnits: string[];
  /** Absent in verdicts of older versions, as what follows. */
  ports?: ListeningPort[];
  privileged?: PrivilegedFile[];
  /** Bytes. */
  peakMemory?: number;
  readySeconds?: number;
  /** Of the instance that has the largest number. */
  journalCounts?: JournalCounts;
}

export function factsOf(verdict: Verdict): BootFacts {
  const { manifestDigest, finished, host, plan, instances, privileged, peakMemory, readySeconds } = verdict;
  const ports = instances.flatMap((one) => one.ports ?? []);
  const counts = instances.flatMap(({ journalCounts }) => journalCounts ?? []);
  const failed = instances.flatMap((one) => [...one.failedUnits, ...(one.allowedFailures ?? [])]);
  const highest = (name: keyof JournalCounts) => Math.max(...counts.map((one) => one[name]));
  return {
    manifestDigest,
    finished,
    backend: host.runtime.split(' ')[0]!,
    instances: plan.instances,
    ...(plan.limits.cpus !== undefined && { cpus: plan.limits.cpus }),
    failedUnits: [...new Set(failed)].toSorted(),
    ...(instances.some((one) => one.ports) && { ports }),
    ...(privileged && { privileged }),
    ...(peakMemory !== undefined && { peakMemory }),
    ...(readySeconds !== undefined && { readySeconds }),
    ...(counts.length > 0 && {
      journalCounts: Object.fromEntries(priorities.map((name) => [name, highest(name)])) as JournalCounts,
    }),
  };
}

type Found = Omit<Change, 'fatal'>;

/** A verdict that passed fails by a change that its recipe refuses. */
export function judged(verdict: Verdict, comparison: Comparison): Verdict {
  const causes = comparison.changes
    .filter(({ fatal }) => fatal)
    .map(({ kind, message }) => ({ code: comparedCodes[kind], message, instance: 0 }));
  const isWorse = verdict.passed && causes.length > 0;
  return { ...verdict, comparison, ...(isWorse && { passed: false, causes }) };
}

/** Of the same recipe and architecture. `before` is the last good boot, of another image. */
export function compareBoots(
  now: BootFacts,
  before: BootFacts,
  { fatal, accept }: CompareRule = { fatal: [], accept: [] },
): Comparison {
  // A boot beside others, with fewer processors or in another backend takes another time, and other memory.
  const isAlike =
    now.backend === before.backend && now.instances === before.instances && now.cpus === before.cpus;
  const found = [
    ...newUnits(now, before),
    ...newPorts(now, before),
    ...newRights(now, before),
    ...(isAlike ? [...moreMemory(now, before), ...moreTime(now, before)] : []),
    ...moreErrors(now, before),
  ];
  const { manifestDigest, finished, backend } = before;
  return {
    with: { manifestDigest, finished, backend },
    changes: found.slice(0, maxChanges).map((one) => ({
      ...one,
      fatal: fatal.includes(one.kind) && !accept.includes(one.subject),
    })),
  };
}

function newUnits(now: BootFacts, before: BootFacts): Found[] {
  return now.failedUnits
    .filter((name) => !before.failedUnits.includes(name))
    .map((name) => ({ kind: 'units', subject: name, message: `${name} failed, and did not before` }));
}

/** Another address of the same reach is the same port. */
function newPorts(now: BootFacts, before: BootFacts): Found[] {
  if (!now.ports || !before.ports) return [];
  const reach = ({ protocol, port, address }: ListeningPort) =>
    `${protocol} ${port}${/^(?:127\.|::1$|::ffff:7f)/.test(address) ? ' of itself alone' : ''}`;
  const known = new Set(before.ports.flatMap((one) => [reach(one), `${reach(one)} of itself alone`]));
  const opened = new Map(now.ports.map((one) => [reach(one), one]));
  return [...opened]
    .filter(([text]) => !known.has(text))
    .map(([text, { protocol, port, address }]) => ({
      kind: 'ports',
      subject: `${protocol} ${port}`,
      message: `it listens on ${text} (${address}), and did not before`,
    }));
}

function newRights(now: BootFacts, before: BootFacts): Found[] {
  if (!now.privileged || !before.privileged) return [];
  const text = ({ mode, capabilities = '' }: PrivilegedFile) => [mode, capabilities].join(' ').trim();
  const known = new Map(before.privileged.map((file) => [file.path, text(file)]));
  return now.privileged
    .filter((file) => known.get(file.path) !== text(file))
    .map((file) => {
      const former = known.get(file.path);
      const past = former === undefined ? 'gave its caller no rights before' : `was ${former} before`;
      return {
        kind: 'setuid',
        subject: file.path,
        message: `${file.path} has the mode ${text(file)}, and ${past}`,
      };
    });
}

/** Bytes and seconds that are no more than noise. */
const memoryFloor = 16 * 1024 * 1024;
const timeFloor = 2;

function moreMemory({ peakMemory: now }: BootFacts, { peakMemory: before }: BootFacts): Found[] {
  if (now === undefined || before === undefined) return [];
  if (now * 3 <= before * 4 || now - before < memoryFloor) return [];
  const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  const message = `it needed ${mebibytes(now)} of memory, where it needed ${mebibytes(before)} before`;
  return [{ kind: 'memory', subject: 'memory', message }];
}

function moreTime({ readySeconds: now }: BootFacts, { readySeconds: before }: BootFacts): Found[] {
  if (now === undefined || before === undefined) return [];
  if (now < before * 2 || now - before < timeFloor) return [];
  const message = `it was ready after ${now} s, where it took ${before} s before`;
  return [{ kind: 'time', subject: 'time', message }];
}

function moreErrors({ journalCounts: now }: BootFacts, { journalCounts: before }: BootFacts): Found[] {
  if (!now || !before) return [];
  return priorities
    .filter((name) => name !== 'warning' && now[name] > before[name])
    .map((name) => ({
      kind: 'journal',
      subject: name,
      message: `its journal has ${now[name]} entries of priority ${name}, where it had ${before[name]} before`,
    }));
}
