/** What a state remembers of a release set from night to night: what its tags name, and which recipes fail. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { imageReportSchema } from '../../stages/report/night-report.ts';
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
      /** Digest of what the recipe and its bases said besides packages. */
      content: digestSchema,
      /** Digest of where it went: references, architectures, key. */
      target: digestSchema,
      /** Seconds since 1970: when the key has stated last what the tags name. */
      stated: z.int().nonnegative(),
    })
    .exactOptional(),
  /** What the report says of an image that was published; a night that was killed has not told it yet. */
  untold: imageReportSchema.exactOptional(),
  failing: z
    .strictObject({
      /** How many nights in a row; a day counts once. */
      nights: z.int().positive(),
      /** The last of them, as YYYY-MM-DD in UTC. */
      day: z.iso.date(),
      /** Digest of what the recipe and its bases said then. */
      content: digestSchema,
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

/** Undefined where the copy is of another lock, damaged or missing. */
export async function rememberedLock(
  state: string,
  set: string,
  recipe: string,
  digest: string | undefined,
): Promise<Lock | undefined> {
  if (digest === undefined) return undefined;
  // A damaged copy, or one of another version, costs the report its changes, and no more.
  const lock = await readLock(lockPathOf(state, set, recipe)).catch((error: unknown) => {
    if (error instanceof MillinerError && error.code === 'LOCK_INVALID') return undefined;
    throw error;
  });
  return lock?.digest === digest ? lock : undefined;
}
