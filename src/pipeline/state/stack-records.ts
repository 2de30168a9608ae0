/** Stacks that were booted, each with its verdict: one file for each name and architecture. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Digest } from '../../lib/oci/digest.ts';
import { resolvedStackSchema, stackDigest, type ResolvedStack } from '../../stages/recipe/resolved-stack.ts';
import type { StackVerdict } from '../../stages/boot/stack-verdict.ts';
import { JsonStore } from './json-store.ts';

export interface StackRecord {
  stack: ResolvedStack;
  verdict: StackVerdict;
}

const recordSchema = z
  .object({ stack: resolvedStackSchema, verdict: z.custom<StackVerdict>() })
  // A verdict on another stack in this file is tampering.
  .refine(({ stack, verdict }) => verdict.stackDigest === stackDigest(stack));

const recordsIn = (state: string) =>
  new JsonStore<StackRecord>(join(state, 'stacks'), {
    what: 'a verdict on its stack',
    schema: recordSchema,
    hint: 'Boot the stack again with milliner boot NAME.stack.',
  });

const fileOf = ({ name, arch }: Pick<ResolvedStack, 'name' | 'arch'>) => `${name}@${arch}`;

export async function writeStackRecord(state: string, record: StackRecord): Promise<void> {
  await recordsIn(state).write(fileOf(record.stack), record);
}

/** Undefined if the stack was not booted as it is now. Throws STATE_INVALID. */
export async function readStackVerdict(
  state: string,
  stack: ResolvedStack,
): Promise<StackVerdict | undefined> {
  const found = await recordsIn(state).read(fileOf(stack));
  return found?.verdict.stackDigest === stackDigest(stack) ? found.verdict : undefined;
}

/** Digests of the images that stacks were booted with. */
export async function imagesOfStacks(state: string): Promise<Set<Digest>> {
  const records = await recordsIn(state).list();
  return new Set(
    records.flatMap(({ stack }) => Object.values(stack.services).map(({ image }) => image.digest)),
  );
}
