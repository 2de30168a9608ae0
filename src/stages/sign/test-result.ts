/**
 * The boot verdict as an in-toto test result (https://github.com/in-toto/attestation, spec/predicates/test-result.md):
 * the standard's fields, and Milliner's whole verdict beside them.
 */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { sha256Of, type Digest } from '../../lib/oci/digest.ts';
import { toJson } from './artifact.ts';

/** Fields that the predicate uses; the whole verdict is signed. */
export interface SignedVerdict {
  manifestDigest: string;
  passed: boolean;
  checks: readonly { check: unknown; instance: unknown; passed: boolean }[];
  plan: unknown;
  /** Earlier boots that failed; why is in them. */
  failedAttempts?: readonly object[];
}

export function testResult(verdict: SignedVerdict): object {
  const plan = toJson(verdict.plan ?? {});
  const names = (passed: boolean) => [
    ...(verdict.passed === passed ? ['boot'] : []),
    ...verdict.checks.filter((one) => one.passed === passed).map(nameOf),
  ];
  return {
    result: verdict.passed ? 'PASSED' : 'FAILED',
    configuration: [
      {
        name: 'boot plan',
        digest: { sha256: sha256Of(plan).slice('sha256:'.length) },
        content: plan.toString('base64'),
        mediaType: 'application/json',
      },
    ],
    passedTests: names(true),
    failedTests: names(false),
    attempts: attemptsOf(verdict),
    verdict,
  };
}

const attemptsOf = ({ failedAttempts = [] }: { failedAttempts?: readonly unknown[] | undefined }) =>
  failedAttempts.length + 1;

function nameOf({ check, instance }: SignedVerdict['checks'][number]): string {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return `${text(check)} (instance ${text(instance)})`;
}

/** A bound for versions of Milliner that allow more retries than this one. */
const maxSignedAttempts = 100;

const passedSchema = z.object({
  result: z.literal('PASSED'),
  failedTests: z.array(z.string()).max(0),
  /** Absent in verdicts of versions that did not repeat a boot. */
  attempts: z.int().min(1).max(maxSignedAttempts).optional(),
  verdict: z.object({
    name: z.string().max(1000).optional(),
    manifestDigest: z.string(),
    passed: z.literal(true),
    failedAttempts: z
      .array(z.object({ causes: z.array(z.object({ code: z.string().max(1000) })).min(1) }))
      .max(maxSignedAttempts - 1)
      .optional(),
  }),
});

export interface PassedResult {
  /** The name of the recipe, if the verdict has it. */
  recipe: string | undefined;
  /** How often the image was booted again before it passed. */
  retries: number;
}

/** Throws VERDICT_MISSING, also for a number of attempts that its list contradicts. */
export function requirePassedResult(predicate: unknown, digest: Digest): PassedResult {
  const result = passedSchema.safeParse(predicate);
  const refused = (reason: string) =>
    new MillinerError('VERDICT_MISSING', `the signed boot verdict of ${digest} ${reason}`);
  if (!result.success) throw refused('does not say that it passed');
  const { attempts = 1, verdict } = result.data;
  if (verdict.manifestDigest !== digest) throw refused('is of another image');
  if (attempts !== attemptsOf(verdict)) throw refused('does not list each attempt to boot it');
  return { recipe: verdict.name, retries: attempts - 1 };
}
