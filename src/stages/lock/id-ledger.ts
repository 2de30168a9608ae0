/**
 * The ID ledger: the number of each user and group of an image. It is beside the lock and is reviewed in git, because
 * volumes and layers of other images contain the numbers, not the names. Builds add lines; a user may add one by hand
 * to give a name its own number. A name that is no longer used keeps its number.
 */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { readBeneath, rootOf } from '../../lib/host/beneath.ts';

/** The highest ID is (uid_t) -2, because chown(2) takes -1 for "no change". */
const byName = z.record(z.string().regex(/^[^\s:]{1,256}$/, 'a name'), z.int().min(0).max(0xfffffffe));

export const idsSchema = z.strictObject({ version: z.literal(1), users: byName, groups: byName });

/** Without the IDs of the bases, which are in the ledgers of those. */
export type Ids = z.output<typeof idsSchema>;

export const noIds: Ids = { version: 1, users: {}, groups: {} };

export function idsPathOf(lockPath: string): string {
  return lockPath.replace(/\.lock\.json$/, '.ids.json');
}

/** Space for a hundred thousand names. */
const maxLedgerBytes = 8 * 1024 * 1024;

/** Undefined if it does not exist. Throws LOCK_INVALID, FILE_OUTSIDE. */
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
    // Without the cause, because a parser's message quotes the text.
    throw new MillinerError('LOCK_INVALID', `${path}: ${reason}`, {
      hint: 'Fix it, or restore it from git. Do not make it anew: the ids in it must stay.',
    });
  }
}

/** The content of its file. */
export const idsText = (ids: Ids): string => `${JSON.stringify(ids, null, 2)}\n`;

export async function writeIds(path: string, ids: Ids): Promise<void> {
  await writeFileAtomic(path, idsText(ids));
}

/** Names in the ledger keep their number; both are sorted by name. */
export function withIds(ledger: Ids, more: Ids): Ids {
  const merged = (kind: 'users' | 'groups') =>
    Object.fromEntries(
      Object.entries({ ...more[kind], ...ledger[kind] }).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  return { version: 1, users: merged('users'), groups: merged('groups') };
}
