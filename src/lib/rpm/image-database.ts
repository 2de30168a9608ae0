/** Where an image has its rpm database. */
import { join } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { lstatIfThere } from '../host/files.ts';
import { byteString, showBytes } from '../host/paths.ts';
import { resolveInside } from '../host/resolve-in-root.ts';
import { databaseFile, readInstalledNames } from './database.ts';

/**
 * The database file of a mounted tree. What a scriptlet put in its place must not lead to the host's own database,
 * nor keep who reads it waiting. Throws RPMDB_INVALID.
 */
export async function databaseIn(root: string, dbPath: string): Promise<string> {
  const directory = resolveInside(root, dbPath);
  const path = join(root, showBytes(directory ?? byteString(dbPath)), databaseFile);
  const found = directory === undefined ? undefined : await lstatIfThere(path);
  if (found?.isFile()) return path;
  throw new MillinerError('RPMDB_INVALID', `${dbPath}/${databaseFile} of the image is not a regular file`);
}

/** NEVRAs of what a mounted tree's database has. Throws RPMDB_INVALID. */
export async function installedIn(root: string, dbPath: string): Promise<string[]> {
  return readInstalledNames(await databaseIn(root, dbPath));
}
