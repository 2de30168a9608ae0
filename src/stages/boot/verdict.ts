/** What a boot has shown of an image: plain data, kept by manifest digest, and attested when the image is signed. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { TestPlan } from '../recipe/schema.ts';

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
] as const;

export type CauseCode = (typeof causeCodes)[number];

/** Why an image did not pass. */
export interface Cause {
  code: CauseCode;
  message: string;
  /** From 1 on. */
  instance: number;
}

export interface CheckResult {
  /** As the recipe has it: `tcp 3306`, `http http://localhost/`, `exec mariadb-admin ping`. */
  check: string;
  instance: number;
  passed: boolean;
  attempts: number;
  /** Since the instance was ready. */
  seconds: number;
  /** What the last attempt met with. */
  problem?: string;
}

export interface JournalEntry {
  unit: string;
  message: string;
}

export interface InstanceReport {
  instance: number;
  /** From the start of the container to its readiness; absent where it never was ready. */
  readySeconds?: number;
  failedUnits: string[];
  /** Units that systemd started again on its own. */
  restartedUnits: string[];
  /** Of priority err and above. */
  journalErrors: JournalEntry[];
  /** Why the journal could not be read; then there are no journalErrors to go by. */
  journalProblem?: string;
  /** Bytes. */
  peakMemory?: number;
  oomKills: number;
  exitCode?: number;
  /** From the request to end to the end. */
  stopSeconds?: number;
  /** The last lines that it wrote to its standard output and error. */
  log: string[];
}

export interface Verdict {
  name: string;
  manifestDigest: string;
  passed: boolean;
  causes: Cause[];
  checks: CheckResult[];
  /** The slowest instance's; absent where one never was ready. */
  readySeconds?: number;
  failedUnits: string[];
  journalErrors: JournalEntry[];
  /** The largest instance's, bytes. */
  peakMemory?: number;
  instances: InstanceReport[];
  plan: TestPlan & { init: boolean };
  /** What the instances ran on. */
  host: { runtime: string; kernel: string; architecture: string };
  /** ISO 8601. */
  started: string;
  finished: string;
}

export interface InstanceOutcome {
  report: InstanceReport;
  causes: Cause[];
  checks: CheckResult[];
}

export type VerdictInput = Pick<
  Verdict,
  'name' | 'manifestDigest' | 'plan' | 'host' | 'started' | 'finished'
>;

/** One image's verdict from those of its instances: it passed where not one of them gave cause for more. */
export function makeVerdict(input: VerdictInput, outcomes: InstanceOutcome[]): Verdict {
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
  };
}

/** Only what passed its test boot may leave. Throws IMAGE_UNBOOTED. */
export function requirePassed(
  verdict: Verdict | undefined,
  { name, manifestDigest }: Pick<Verdict, 'name' | 'manifestDigest'>,
): Verdict {
  const isOwn = verdict?.manifestDigest === manifestDigest && verdict.name === name;
  if (isOwn && verdict.passed) return verdict;
  const why = isOwn ? 'did not pass its test boot' : 'was not booted';
  throw new MillinerError('IMAGE_UNBOOTED', `${name} (${manifestDigest}) ${why}`, {
    details: { name, manifestDigest },
  });
}
