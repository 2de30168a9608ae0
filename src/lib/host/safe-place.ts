/**
 * Whether a place may be believed and written to: nobody but those who are trusted could have put what lies there, or
 * can exchange it. As sshd's StrictModes has it, for every directory that leads there too.
 */
import { lstatSync, type Stats } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { readdirIfThere, withoutLinks } from './files.ts';

const sticky = 0o1000;
const writableByOthers = 0o022;

/** Throws PLACE_UNSAFE; what is not there yet is as safe as what it will be made in. */
export function requireSafePath(path: string): void {
  const place = withoutLinks(path);
  for (let at = place; ; at = dirname(at)) {
    const found = statPlace(at);
    const fault = found && faultOf(found, at !== place);
    if (fault !== undefined) throw unsafe(at, fault);
    if (at === dirname(at)) return;
  }
}

/** The same for all that lies in a directory: what others made there while they could is theirs still. */
export async function requireSafeEntries(directory: string): Promise<void> {
  for (const name of (await readdirIfThere(directory)) ?? []) {
    const path = join(directory, name);
    const found = statPlace(path);
    const fault = found && faultOf(found, false);
    if (fault !== undefined) throw unsafe(path, fault);
    if (found?.isSymbolicLink()) requireSafePath(path);
  }
}

/** Makes what leads to a directory, and itself. Not recursively: in some file systems Node would try for ever. */
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

/** Undefined where nothing is, and where what leads there is no directory: whoever makes one there is told. */
function statPlace(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Whoever called sudo is root already. */
function isTrusted(uid: number): boolean {
  const { SUDO_UID } = process.env;
  return uid === 0 || uid === process.geteuid?.() || (SUDO_UID !== undefined && String(uid) === SUDO_UID);
}

function faultOf(found: Stats, leadsThere: boolean): string | undefined {
  const { uid, mode } = found;
  if (!isTrusted(uid)) return `belongs to the user ${uid}`;
  // Of a link the mode says nothing; it is its maker's.
  if (found.isSymbolicLink()) return undefined;
  // In /tmp and its like nobody can exchange what is another's.
  const isGuarded = leadsThere && (mode & sticky) !== 0;
  if ((mode & writableByOthers) === 0 || isGuarded) return undefined;
  return `can be written to by other users (${modeOf(mode)})`;
}

const modeOf = (mode: number) => (mode & 0o7777).toString(8).padStart(4, '0');

function unsafe(path: string, fault: string): MillinerError {
  return new MillinerError('PLACE_UNSAFE', `${path} ${fault}`, { details: { path } });
}
