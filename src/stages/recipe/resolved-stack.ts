/**
 * A stack with every image by its digest, and everything that its services start with: what is booted, and what is
 * published. It has no secrets in it, and nothing of the machine that it was made on.
 */
import { z } from 'zod';
import { arches } from '../../lib/host/arch.ts';
import { canonicalDigest, isDigest, type Digest } from '../../lib/oci/digest.ts';
import { imageName, testSchema } from './schema.ts';
import { checkStack } from './stack-faults.ts';
import { crossingCheck, serviceFields, serviceName, stackSchema } from './stack-schema.ts';

const service = z.strictObject({
  image: z.strictObject({
    /** Of its recipe, or the reference of an image of others. */
    name: z.string().min(1).max(1024),
    digest: z.custom<Digest>(isDigest, { error: 'is not a sha256 digest' }),
    /** HOST/REPOSITORY that has it, in a published stack. */
    repository: z.string().min(1).max(1024).optional(),
  }),
  /** The test of the image's recipe, within the limits of the stack. */
  test: testSchema.safeExtend({ init: z.boolean() }),
  ...serviceFields,
});

export const resolvedStackSchema = z
  .strictObject({
    version: z.literal(1),
    name: imageName.max(64),
    arch: z.enum(arches),
    services: z.record(serviceName, service),
    volumes: stackSchema.shape.volumes,
    /** A given one is a file of the operator's. */
    secrets: z.record(
      z.string().max(64),
      z.union([
        z.strictObject({ generate: z.int().min(16).max(256) }),
        z.strictObject({ given: z.literal(true) }),
      ]),
    ),
    checks: z.array(crossingCheck).max(100),
  })
  .superRefine(checkStack);

export type ResolvedStack = z.output<typeof resolvedStackSchema>;
export type ResolvedService = ResolvedStack['services'][string];

/** The same wherever its images are published. */
export function stackDigest(stack: ResolvedStack): Digest {
  const services = Object.entries(stack.services).map(([name, { image, ...rest }]) => {
    const { repository: _place, ...own } = image;
    return [name, { ...rest, image: own }];
  });
  return canonicalDigest({ ...stack, services: Object.fromEntries(services) as unknown });
}
