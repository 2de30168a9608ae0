/**
 * The ledger of ids: which number each user and group of an image was given. It stands beside the lock and is reviewed
 * in git, because volumes and the layers of other images hold the numbers and not the names. Lines are added by the
 * builds, and by hand, where a name is to have a number of its own; a name that has left keeps its number.
 */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { readBeneath, rootOf } from '../../lib/host/beneath.ts';

/** The largest is (uid_t) -2: -1 means none to chown(2). */
const byName = z.record(z.string().regex(/^[^\s:]{1,256}$/, 'a name'), z.int().min(0).max(0xfffffffe));

export const idsSchema = z.strictObject({ version: z.literal(1), users: byName, groups: byName });

/** Without what the bases have: theirs is in their own ledgers. */
export type Ids = z.output<typeof idsSchema>;

export const noIds: Ids = { version: 1, users: {}, groups: {} };

export function idsPathOf(lockPath: string): string {
  return lockPath.replace(/\.lock\.json$/, '.ids.json');
}

/** Room for a hundred thousand names. */
const maxLedgerBytes = 8 * 1024 * 1024;

/** Undefined if there is none. Throws LOCK_INVALID, FILE_OUTSIDE. */
export async function readIds(path: string): Promise<Ids | undefined> {
  const bytes = await readBeneath(rootOf(path), path, maxLedgerBytes).catch(
    (error: NodeJS.ErrnoException) => {
      if (error instanceof MillinerError) throw error;
      throw new MillinerError('LOCK_INVALID', `${path} cannot be read: ${error.code}`, { cause: error });
    },
  );
  if (bytes === undefined) return undefined;
  try {
    return idsSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    const first = error instanceof z.ZodError ? error.issues[0] : undefined;
    const reason = first ? `${first.path.join('.')}: ${first.message}` : 'is not JSON';
    // Without the cause, as of a lock.
    throw new MillinerError('LOCK_INVALID', `${path}: ${reason}`, {
      hint: 'Fix it, or restore it from git. Do not make it anew: the ids in it must stay.',
    });
  }
}

export async function writeIds(path: string, ids: Ids): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(ids, null, 2)}\n`);
}

/** Names that the ledger has stay; both in the order of the names. */
export function withIds(ledger: Ids, more: Ids): Ids {
  const merged = (kind: 'users' | 'groups') =>
    Object.fromEntries(
      Object.entries({ ...more[kind], ...ledger[kind] }).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  return { version: 1, users: merged('users'), groups: merged('groups') };
}
