/** The rpm database of a mounted image. */
import { join } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { lstatIfThere } from '../host/files.ts';
import { byteString, showBytes } from '../host/paths.ts';
import { resolveInside } from '../host/resolve-in-root.ts';
import { databaseFile, readInstalledNames } from './database.ts';

/**
 * The database file of a mounted tree. A scriptlet may have put a link or a FIFO in its place: it must not lead to the
 * host's own database, nor block the reader. Throws RPMDB_INVALID.
 */
export async function databaseIn(root: string, dbPath: string): Promise<string> {
  const directory = resolveInside(root, dbPath);
  const path = join(root, showBytes(directory ?? byteString(dbPath)), databaseFile);
  const found = directory === undefined ? undefined : await lstatIfThere(path);
  if (found?.isFile()) return path;
  throw new MillinerError('RPMDB_INVALID', `${dbPath}/${databaseFile} of the image is not a regular file`);
}

/** NEVRAs in the database of a mounted tree. Throws RPMDB_INVALID. */
export async function installedIn(root: string, dbPath: string): Promise<string[]> {
  return readInstalledNames(await databaseIn(root, dbPath));
}
