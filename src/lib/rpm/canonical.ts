/** The same packages, the same rpm database, byte for byte. */
import { constants, lstat, mkdtemp, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { asStorageError, syncPath } from '../host/files.ts';
import { removeTree } from '../host/remove-tree.ts';
import { askReader, filesOfDatabase, refuseDatabase, rowsOf } from './database-process.ts';
import { installedFiles, type IsInstalled } from './database.ts';
import type { Refuse } from './header.ts';

export interface CanonicalOptions {
  /** Seconds since 1970, written as time and transaction of every installation. */
  installTime: number;
}

/**
 * Rewrites the rpm database at `path` (rpmdb.sqlite) in one form that depends only on the packages in it: rows in
 * the order of their NEVRA, numbered from 1, one install time, every file there that is there, no journal. The new file
 * takes the old one's place whole or not at all, with its mode and owner. No other process may have it open. Gives which
 * files are installed. Throws RPMDB_INVALID.
 */
export async function canonicalizeDatabase(path: string, options: CanonicalOptions): Promise<IsInstalled> {
  const refuse = refuseDatabase(path);
  let scratch: string | undefined;
  try {
    const files = await filesOfDatabase(path, refuse);
    // Beside it, and so on its file system: all that the process may write to.
    scratch = await mkdtemp(join(resolve(dirname(path)), '.rpmdb-'));
    const made = join(scratch, 'made');
    const rewrite = { target: made, installTime: options.installTime };
    const rows = rowsOf(askReader(files, refuse, { rewrite, writes: scratch }), refuse);
    const isInstalled = await installedFiles(rows, refuse);
    await finishFile(made, path, refuse);
    // The journal first: were it left beside the new file, sqlite would apply it to that.
    for (const suffix of ['-wal', '-shm', '-journal']) await rm(path + suffix, { force: true });
    await rename(made, path);
    await syncPath(dirname(path));
    return isInstalled;
  } catch (error) {
    throw asStorageError(error, path);
  } finally {
    if (scratch !== undefined) await removeTree(scratch);
  }
}

/** What a process made that may have been taken over: never a link, or a name of another file. */
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

/** Counter and version in the file header say how the file came to be, not what it holds: 1, and the oldest format. */
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
