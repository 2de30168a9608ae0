/** Makes an rpm database reproducible: the same packages give the same bytes. */
import { constants, lstat, mkdtemp, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { asStorageError, syncPath } from '../host/files.ts';
import { removeTree } from '../host/remove-tree.ts';
import { askReader, filesOfDatabase, refuseDatabase, rowsOf } from './database-process.ts';
import { installedFiles, type InstalledFiles } from './database.ts';
import type { RpmFile } from './file-list.ts';
import type { Refuse } from './header.ts';

export interface CanonicalOptions {
  /** Seconds since 1970, written as time and transaction of every installation. */
  installTime: number;
  /** Files by NEVRA of packages whose headers were read before. */
  known?: ReadonlyMap<string, readonly RpmFile[]>;
}

/**
 * Rewrites the rpm database at `path` (rpmdb.sqlite) in a form that depends only on its packages: rows in NEVRA order,
 * numbered from 1, one install time, the state of each file as it is on disk, no journal. The new file replaces the old
 * one atomically, with its mode and owner. No other process may have it open. Returns the packages in the order of the new
 * rows. Throws RPMDB_INVALID.
 */
export async function canonicalizeDatabase(
  path: string,
  { installTime, known = new Map() }: CanonicalOptions,
): Promise<InstalledFiles[]> {
  const refuse = refuseDatabase(path);
  let scratch: string | undefined;
  try {
    const files = await filesOfDatabase(path, refuse);
    // Beside the database, so on the same file system; the process can write to nothing else.
    scratch = await mkdtemp(join(resolve(dirname(path)), '.rpmdb-'));
    const made = join(scratch, 'made');
    const rewrite = { target: made, installTime };
    const rows = rowsOf(askReader(files, refuse, { rewrite, writes: scratch }), refuse);
    const packages = await installedFiles(rows, known, refuse);
    await finishFile(made, path, refuse);
    // The journal goes first: sqlite would apply a journal that is left beside the new file.
    for (const suffix of ['-wal', '-shm', '-journal']) await rm(path + suffix, { force: true });
    await rename(made, path);
    await syncPath(dirname(path));
    return packages;
  } catch (error) {
    throw asStorageError(error, path);
  } finally {
    if (scratch !== undefined) await removeTree(scratch);
  }
}

/** Opens a file made by a process that may have been taken over: never a link, and no second name of another file. */
export async function openMade(path: string, refuse: Refuse): Promise<FileHandle> {
  const how = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, how).catch((error: NodeJS.ErrnoException) => {
    throw refuse(`its new form cannot be opened (${error.code})`);
  });
  const status = await handle.stat();
  if (status.isFile() && status.nlink === 1) return handle;
  await handle.close();
  throw refuse('its new form is not a regular file');
}

const changeCounter = 24;
const versionValidFor = 92;
const sqliteVersion = 96;

/**
 * Change counter and version in the file header record how the file was made, so they are set to 1 and to the oldest
 * format.
 */
async function finishFile(path: string, like: string, refuse: Refuse): Promise<void> {
  const { mode, uid, gid } = await lstat(like);
  const handle = await openMade(path, refuse);
  try {
    const field = Buffer.alloc(4);
    for (const [at, value] of [
      [changeCounter, 1],
      [versionValidFor, 1],
      [sqliteVersion, 3_008_000],
    ] as const) {
      field.writeUInt32BE(value);
      await handle.write(field, 0, 4, at);
    }
    await handle.chmod(mode & 0o7777);
    await handle.chown(uid, gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
