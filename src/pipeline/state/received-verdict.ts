/** The schema of verdicts that other machines made. One that contradicts itself is refused, whatever it claims. */
import { z } from 'zod';
import { maxAttemptCauses, maxAttemptInstances } from '../../stages/boot/attempts.ts';
import { causeCodes, type Verdict } from '../../stages/boot/verdict.ts';
import { maxRetries } from '../../stages/recipe/schema.ts';
import {
  count,
  digestSchema,
  invalid,
  parseReceived,
  recipeName,
  short,
  strings,
  testPlan,
} from './received.ts';
import { bootCounts, comparisonSchema, instanceEvidence, privilegedFileList } from './received-evidence.ts';

const evidence = z.string().max(65_536);
const cause = z.strictObject({ code: z.enum(causeCodes), message: evidence, instance: z.int() });
const journal = z.array(z.strictObject({ unit: short, message: evidence })).max(100_000);
const check = z.strictObject({
  check: evidence,
  instance: z.int(),
  passed: z.boolean(),
  attempts: count,
  seconds: z.number(),
  problem: evidence.exactOptional(),
});
const instance = z.strictObject({
  instance: z.int(),
  readySeconds: z.number().exactOptional(),
  failedUnits: strings,
  restartedUnits: strings,
  journalErrors: journal,
  journalProblem: evidence.exactOptional(),
  peakMemory: count.exactOptional(),
  oomKills: count,
  exitCode: z.int().exactOptional(),
  stopSeconds: z.number().exactOptional(),
  log: strings,
  ...instanceEvidence,
});
const times = { started: z.iso.datetime(), finished: z.iso.datetime() };
const failedAttempt = z.strictObject({
  ...times,
  causes: z.array(cause).min(1).max(maxAttemptCauses),
  checks: z.array(check.extend({ passed: z.literal(false) })).max(maxAttemptCauses),
  instances: z.array(instance).max(maxAttemptInstances),
});
const verdictSchema = z.strictObject({
  name: recipeName,
  manifestDigest: digestSchema,
  passed: z.boolean(),
  causes: z.array(cause).max(10_000),
  checks: z.array(check).max(10_000),
  readySeconds: z.number().exactOptional(),
  failedUnits: strings,
  journalErrors: journal,
  peakMemory: count.exactOptional(),
  instances: z.array(instance).max(100),
  privileged: privilegedFileList.exactOptional(),
  plan: testPlan,
  host: z.strictObject({ runtime: short, kernel: short, architecture: short }),
  ...times,
  failedAttempts: z.array(failedAttempt).min(1).max(maxRetries).exactOptional(),
  comparison: comparisonSchema.exactOptional(),
  history: bootCounts.exactOptional(),
});

/** Throws EXCHANGE_INVALID, also for a verdict that says passed and reports a failure, or more retries than its plan. */
export function parseVerdict(bytes: Buffer): Verdict {
  const verdict: Verdict = parseReceived('verdict', verdictSchema, bytes);
  const { causes, checks, instances, plan, failedAttempts = [] } = verdict;
  const isSound =
    causes.length === 0 &&
    verdict.comparison?.changes.every(({ fatal }) => !fatal) !== false &&
    checks.every(({ passed }) => passed) &&
    instances.length === plan.instances;
  if (verdict.passed && !isSound) throw invalid('verdict', 'passed: the details of the boot contradict it');
  if (failedAttempts.length > (plan.retries ?? 0))
    throw invalid('verdict', 'failedAttempts: there are more than the plan allows retries');
  return verdict;
}
