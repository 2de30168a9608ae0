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
    verdict,
  };
}

function nameOf({ check, instance }: SignedVerdict['checks'][number]): string {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return `${text(check)} (instance ${text(instance)})`;
}

const passedSchema = z.object({
  result: z.literal('PASSED'),
  failedTests: z.array(z.string()).max(0),
  verdict: z.object({
    name: z.string().max(1000).optional(),
    manifestDigest: z.string(),
    passed: z.literal(true),
  }),
});

/** Returns the name of the recipe, if the verdict has it. Throws VERDICT_MISSING. */
export function requirePassedResult(predicate: unknown, digest: Digest): string | undefined {
  const result = passedSchema.safeParse(predicate);
  if (result.success && result.data.verdict.manifestDigest === digest) return result.data.verdict.name;
  const reason = result.success ? 'is of another image' : 'does not say that it passed';
  throw new MillinerError('VERDICT_MISSING', `the signed boot verdict of ${digest} ${reason}`);
}
