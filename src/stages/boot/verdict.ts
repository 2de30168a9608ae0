/** The verdict of a test boot: plain data, stored by manifest digest, and attested when the image is signed. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { TestPlan } from '../recipe/schema.ts';
import type {
  BootCounts,
  BootStage,
  Comparison,
  JournalCounts,
  JournalEntry,
  ListeningPort,
  PrivilegedFile,
  ResourceUse,
  UnitTimes,
} from './evidence.ts';

export const causeCodes = [
  'start-failed',
  'exited',
  'not-ready',
  'unit-failed',
  'unit-restarted',
  'check-failed',
  'out-of-memory',
  'too-many-processes',
  'disk-full',
  'too-much-output',
  'not-stopped',
  // Worse than the last good boot, where the recipe refuses that.
  'unit-newly-failed',
  'port-opened',
  'rights-added',
  'memory-grown',
  'boot-slowed',
  'journal-worse',
] as const;

export type CauseCode = (typeof causeCodes)[number];

/** Why an image did not pass. */
export interface Cause {
  code: CauseCode;
  message: string;
  /** Counted from 1; 0 for the image as a whole. */
  instance: number;
}

export interface CheckResult {
  /** As in the recipe: `tcp 3306`, `http http://localhost/`, `exec mariadb-admin ping`. */
  check: string;
  instance: number;
  passed: boolean;
  attempts: number;
  /** Seconds since the instance was ready. */
  seconds: number;
  /** Problem of the last attempt. */
  problem?: string;
}

export interface InstanceReport {
  instance: number;
  /** Seconds from the start of the container until it was ready; absent if it never was. */
  readySeconds?: number;
  failedUnits: string[];
  /** Units that failed, as the recipe allows. Verdicts of older versions have neither this nor what is optional below. */
  allowedFailures?: string[];
  /** Units that systemd restarted automatically. */
  restartedUnits: string[];
  /** Entries of priority err and above. */
  journalErrors: JournalEntry[];
  /** Why the journal could not be read; then journalErrors is empty. */
  journalProblem?: string;
  journalCounts?: JournalCounts;
  /** At the end of the test. */
  ports?: ListeningPort[];
  stages?: BootStage[];
  units?: UnitTimes[];
  used?: ResourceUse;
  /** Bytes. */
  peakMemory?: number;
  oomKills: number;
  exitCode?: number;
  /** Seconds from the stop request to the end. */
  stopSeconds?: number;
  /** The last lines of its standard output and error. */
  log: string[];
}

/** A boot that failed before the image was booted again. Its lists are bounded. */
export interface FailedAttempt {
  /** ISO 8601. */
  started: string;
  finished: string;
  causes: Cause[];
  /** Those that failed. */
  checks: CheckResult[];
  /** Those with a cause. */
  instances: InstanceReport[];
}

export interface Verdict {
  name: string;
  manifestDigest: string;
  passed: boolean;
  causes: Cause[];
  checks: CheckResult[];
  /** Of the slowest instance; absent if one never was ready. */
  readySeconds?: number;
  failedUnits: string[];
  journalErrors: JournalEntry[];
  /** Of the largest instance, in bytes. */
  peakMemory?: number;
  instances: InstanceReport[];
  /** Of the image's tree. */
  privileged?: PrivilegedFile[];
  plan: TestPlan & { init: boolean };
  /** The host of the test. */
  host: { runtime: string; kernel: string; architecture: string };
  /** ISO 8601. Of the last boot. */
  started: string;
  finished: string;
  /** Earlier boots, in their order; absent where the first one decided. */
  failedAttempts?: FailedAttempt[];
  /** Absent where there is no good boot of another image to compare it with. */
  comparison?: Comparison;
  history?: BootCounts;
}

export interface InstanceOutcome {
  report: InstanceReport;
  causes: Cause[];
  checks: CheckResult[];
  /** Release of the instance's own kernel, where it has one. */
  kernel?: string;
}

export type VerdictInput = Pick<
  Verdict,
  'name' | 'manifestDigest' | 'privileged' | 'plan' | 'host' | 'started' | 'finished'
>;

/** Combines the outcomes of the instances: the image passed if none of them has a cause. */
export function makeVerdict(
  input: VerdictInput,
  outcomes: InstanceOutcome[],
  failedAttempts: FailedAttempt[] = [],
): Verdict {
  const reports = outcomes.map(({ report }) => report);
  const causes = outcomes.flatMap((one) => one.causes);
  const ready = reports.map(({ readySeconds }) => readySeconds);
  const peaks = reports.flatMap(({ peakMemory }) => peakMemory ?? []);
  return {
    ...input,
    passed: causes.length === 0,
    causes,
    checks: outcomes.flatMap((one) => one.checks),
    ...(ready.every((one) => one !== undefined) && { readySeconds: Math.max(...ready) }),
    failedUnits: [...new Set(reports.flatMap(({ failedUnits }) => failedUnits))].toSorted(),
    journalErrors: reports.flatMap(({ journalErrors }) => journalErrors),
    ...(peaks.length > 0 && { peakMemory: Math.max(...peaks) }),
    instances: reports,
    ...(failedAttempts.length > 0 && { failedAttempts }),
  };
}

/** Requires that an image has passed its test boot. Throws IMAGE_UNBOOTED. */
export function requirePassed(
  verdict: Verdict | undefined,
  { name, manifestDigest }: Pick<Verdict, 'name' | 'manifestDigest'>,
): Verdict {
  const isOwn = verdict?.manifestDigest === manifestDigest && verdict.name === name;
  if (isOwn && verdict.passed) return verdict;
  const reason = isOwn ? 'did not pass its test boot' : 'was not booted';
  throw new MillinerError('IMAGE_UNBOOTED', `${name} (${manifestDigest}) ${reason}`, {
    details: { name, manifestDigest },
  });
}
