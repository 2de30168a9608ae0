/**
 * Checks that only trusted users can write to a path or replace it, including each directory that leads there, as
 * sshd's StrictModes does.
 */
import { lstatSync, type Stats } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { readdirIfThere, withoutLinks } from './files.ts';

const sticky = 0o1000;
const writableByOthers = 0o022;

/** Throws PLACE_UNSAFE. A path that does not exist yet is as safe as the directory that it will be made in. */
export function requireSafePath(path: string): void {
  const place = withoutLinks(path);
  for (let at = place; ; at = dirname(at)) {
    const found = statPlace(at);
    const fault = found && faultOf(found, at !== place);
    if (fault !== undefined) throw unsafe(at, fault);
    if (at === dirname(at)) return;
  }
}

/** As requireSafePath, for each entry of a directory: other users keep what they made there while they could. */
export async function requireSafeEntries(directory: string): Promise<void> {
  for (const name of (await readdirIfThere(directory)) ?? []) {
    const path = join(directory, name);
    const found = statPlace(path);
    const fault = found && faultOf(found, false);
    if (fault !== undefined) throw unsafe(path, fault);
    if (found?.isSymbolicLink()) requireSafePath(path);
  }
}

/** Makes a directory and its parents, one by one: on some file systems Node's recursive mkdir never ends. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && lstatSync(withoutLinks(path)).isDirectory()) return;
    if (code !== 'ENOENT' || path === dirname(path) || statPlace(dirname(path))) throw error;
    await makeDirectory(dirname(path), 0o755);
    await mkdir(path, { mode });
  }
}

/** Undefined if nothing exists there, or if a parent is not a directory: then making it fails with that error. */
function statPlace(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** SUDO_UID is trusted, because that user can already become root. */
function isTrusted(uid: number): boolean {
  const { SUDO_UID } = process.env;
  return uid === 0 || uid === process.geteuid?.() || (SUDO_UID !== undefined && String(uid) === SUDO_UID);
}

function faultOf(found: Stats, leadsThere: boolean): string | undefined {
  const { uid, mode } = found;
  if (!isTrusted(uid)) return `belongs to the user ${uid}`;
  // The mode of a link means nothing; its owner counts.
  if (found.isSymbolicLink()) return undefined;
  // The sticky bit of /tmp keeps users from replacing files of others.
  const isGuarded = leadsThere && (mode & sticky) !== 0;
  if ((mode & writableByOthers) === 0 || isGuarded) return undefined;
  return `can be written to by other users (${modeOf(mode)})`;
}

const modeOf = (mode: number) => (mode & 0o7777).toString(8).padStart(4, '0');

function unsafe(path: string, fault: string): MillinerError {
  return new MillinerError('PLACE_UNSAFE', `${path} ${fault}`, { details: { path } });
}
