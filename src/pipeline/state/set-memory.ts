/** What a state remembers of a release set from night to night: what its tags name, and which recipes fail. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readLock, writeLock, type Lock } from '../../stages/lock/lock-file.ts';
import { JsonStore } from './json-store.ts';
import { digestSchema } from './received.ts';

const text = z.string().max(4096);

const memberSchema = z.strictObject({
  published: z
    .strictObject({
      /** Of the lock that the image was built from. */
      lock: digestSchema,
      /** Of the image or the index. */
      digest: digestSchema,
      /** Digest of where it went: references, architectures, key. */
      target: digestSchema,
    })
    .exactOptional(),
  failing: z
    .strictObject({
      /** How many nights in a row. */
      nights: z.int().positive(),
      /** Digest of what the recipe's lock depends on, at the last of them. */
      inputs: digestSchema,
      failure: z.strictObject({ stage: text, code: text, message: z.string(), hint: z.string() }),
    })
    .exactOptional(),
});
const setSchema = z.strictObject({ version: z.literal(1), members: z.record(text, memberSchema) });

export type MemberMemory = z.output<typeof memberSchema>;
export type SetMemory = z.output<typeof setSchema>['members'];

const setsOf = (state: string) =>
  new JsonStore(join(state, 'sets'), {
    what: 'what was published of a release set',
    schema: setSchema,
    version: 1,
    hint: 'Remove the file. The next night then releases every recipe of the set again; what is published already stays.',
  });

/** By name of the recipe. Throws STATE_INVALID. */
export async function readSetMemory(state: string, set: string): Promise<SetMemory> {
  return (await setsOf(state).read(set))?.members ?? {};
}

/** Throws DISK_FULL. */
export async function writeSetMemory(state: string, set: string, members: SetMemory): Promise<void> {
  await setsOf(state).write(set, { version: 1, members });
}

const lockPathOf = (state: string, set: string, recipe: string) =>
  join(state, 'sets', set, `${recipe}.lock.json`);

/** A copy of the lock that was published last: the next report tells what has changed since. */
export async function rememberLock(state: string, set: string, lock: Lock): Promise<void> {
  await mkdir(join(state, 'sets', set), { recursive: true, mode: 0o700 });
  await writeLock(lockPathOf(state, set, lock.recipe), lock);
}

/** Undefined where the copy is of another lock, or is missing. Throws LOCK_INVALID. */
export async function rememberedLock(
  state: string,
  set: string,
  recipe: string,
  digest: string | undefined,
): Promise<Lock | undefined> {
  const lock = digest === undefined ? undefined : await readLock(lockPathOf(state, set, recipe));
  return lock?.digest === digest ? lock : undefined;
}
