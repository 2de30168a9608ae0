/**
 * Moves the rpm database to where the image's own rpm looks for it. An upper layer may bring that rpm, with macros that
 * name another directory than the one in which the tool root's rpm, or another tool, made the database. The image's rpm
 * would then find no packages.
 */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { lstatIfThere } from '../../lib/host/files.ts';
import { below, type ByteString } from '../../lib/host/paths.ts';
import { readInside, resolveInside } from '../../lib/host/resolve-in-root.ts';
import { databasePlaces, placeInMacros } from '../../lib/rpm/database-path.ts';
import { databaseFile } from '../../lib/rpm/database.ts';

/**
 * Returns the database's directory. `isOwned`: whether a directory belongs to a package and must stay. Throws
 * DATABASE_ELSEWHERE.
 */
export async function followRpm(
  target: string,
  dbPath: string,
  isOwned: (path: ByteString) => boolean,
): Promise<string> {
  const wanted = placeInMacros(await readMacros(target));
  if (wanted === undefined) return dbPath;
  const [from, to] = [resolveInside(target, dbPath), resolveInside(target, wanted)];
  if (from === undefined || from === to) return dbPath;
  const isSupported = databasePlaces.some((place) => wanted === `/${place}`);
  if (
    to === undefined ||
    !isSupported ||
    (await lstatIfThere(below(target, `${to}/${databaseFile}` as ByteString)))
  ) {
    const reason = isSupported
      ? 'where there is another one, or a dangling symbolic link'
      : 'where Milliner does not keep one';
    throw new MillinerError(
      'DATABASE_ELSEWHERE',
      `the image's rpm looks for its database in ${wanted}, ${reason}`,
      {
        details: { expected: wanted, actual: dbPath },
      },
    );
  }
  await move(target, from, to);
  await removeEmpty(target, from, isOwned);
  return wanted;
}

/** rpm's own order: later definitions count. */
const macroDirectories = ['usr/lib/rpm/macros.d', 'etc/rpm'];

async function readMacros(target: string): Promise<string> {
  const paths = ['usr/lib/rpm/macros'];
  for (const folder of macroDirectories) {
    const resolved = resolveInside(target, folder);
    const place = resolved === undefined ? undefined : below(target, resolved);
    if (!place || !(await lstatIfThere(place))?.isDirectory()) continue;
    const names = (await readdir(place)).filter((name) => name.startsWith('macros.')).toSorted();
    paths.push(...names.map((name) => `${folder}/${name}`));
  }
  const texts = await Promise.all([...paths, 'etc/rpm/macros'].map((path) => readInside(target, path)));
  // Without the main macro file the image has no rpm.
  if (!texts[0]) return '';
  return texts.map((text) => text?.toString('latin1') ?? '').join('\n');
}

/** The journal first: a database without its journal would lack the changes in it. */
async function move(target: string, from: ByteString, to: ByteString): Promise<void> {
  const place = (path: ByteString, name: string) => below(target, `${path}/${name}` as ByteString);
  await mkdir(below(target, to), { recursive: true, mode: 0o755 });
  for (const suffix of ['-wal', '']) {
    const name = `${databaseFile}${suffix}`;
    if (await lstatIfThere(place(from, name))) await rename(place(from, name), place(to, name));
  }
  for (const name of [`${databaseFile}-shm`, '.rpm.lock']) await rm(place(from, name), { force: true });
}

/** The directories that rpm made for the database. */
async function removeEmpty(
  target: string,
  from: ByteString,
  isOwned: (path: ByteString) => boolean,
): Promise<void> {
  for (let path = from; path !== '' && !isOwned(path);) {
    const wasEmpty = await rmdir(below(target, path)).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOTEMPTY') return false;
        throw error;
      },
    );
    if (!wasEmpty) return;
    path = path.slice(0, Math.max(0, path.lastIndexOf('/'))) as ByteString;
  }
}
