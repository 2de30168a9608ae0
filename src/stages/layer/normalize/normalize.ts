/**
 * Removes, empties or rewrites what scriptlets leave that differs between builds or identifies the build machine, each
 * for a stated reason. A package's unchanged files are never touched, and a package's file is never removed, even if a
 * scriptlet has written to it.
 */
import { chmod, lchown, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { below, byteString, showBytes } from '../../../lib/host/paths.ts';
import { isAsPackaged, isInherited, type Packaged } from '../packages/packaged.ts';
import { isDirectory, isRegular, parentOf, type Tree, type TreeEntry } from '../tree.ts';
import { withFixedDates } from './java-keystore.ts';
import { cleanupOf, hasContentOf } from './leftovers.ts';

export interface Normalised {
  path: string;
  action: 'removed' | 'emptied' | 'rewritten' | 'added';
  reason: string;
}

export interface InstalledTree {
  /** Its mount point, writable. */
  root: string;
  tree: Tree;
  parent: Tree | undefined;
  /** Files of the base's and the recipe's packages. */
  packaged: Packaged;
  /** SOURCE_DATE_EPOCH, seconds. */
  epoch: number;
}

const machineId = byteString('etc/machine-id');
const systemd = byteString('usr/lib/systemd/systemd');

/** The first rule for a path applies. Changes only the tree on disk: scan it again afterwards. */
export async function normalise(installed: InstalledTree): Promise<Normalised[]> {
  const done: Normalised[] = [];
  for (const entry of installed.tree.values()) {
    if (isDirectory(entry) || isInherited(entry, installed.parent) || isAsPackaged(entry, installed.packaged))
      continue;
    const one = await normaliseEntry(installed, entry);
    if (one) done.push({ path: `/${showBytes(entry.path)}`, ...one });
  }
  const configuration = installed.tree.get(parentOf(machineId));
  // If a scriptlet made it a link, the path is outside the image.
  const isPlace = configuration !== undefined && isDirectory(configuration);
  if (installed.tree.has(systemd) && !installed.tree.has(machineId) && isPlace) {
    await writeFile(below(installed.root, machineId), '', { flag: 'wx', mode: 0o444 });
    done.push({ path: '/etc/machine-id', action: 'added', reason: machineIdReason });
  }
  return done;
}

/** Many times the largest real file, so that a scriptlet cannot fill memory. */
const maxRewrittenBytes = 64 * 1024 * 1024;

const machineIdReason =
  'empty: systemd gives each instance an identity; absent would mean a first boot (machine-id(5))';

async function normaliseEntry(
  { root, epoch, packaged, parent }: InstalledTree,
  entry: TreeEntry,
): Promise<Omit<Normalised, 'path'> | undefined> {
  const { path } = entry;
  const place = below(root, path);
  const cleanup = hasContentOf(entry, parent?.get(path))
    ? undefined
    : cleanupOf(entry, packaged.get(path) ?? []);
  if (cleanup) {
    if (cleanup.action === 'removed') await rm(place);
    else await empty(place, entry);
    return cleanup;
  }
  if (!isRegular(entry)) return undefined;
  if (path === machineId) {
    if (entry.size === 0) return undefined;
    await empty(place, entry);
    return { action: 'emptied', reason: machineIdReason };
  }
  if (entry.size > maxRewrittenBytes) return undefined;
  if (path === 'etc/shadow' || path === 'etc/shadow-')
    return rewrite(place, (bytes) => withFixedAgeing(bytes, epoch), ageingReason);
  if (path.endsWith('cacerts') || path.endsWith('.jks')) {
    return rewrite(
      place,
      (bytes) => withFixedDates(bytes, epoch),
      'a Java key store holds the time it was written',
    );
  }
  return undefined;
}

/** If a scriptlet linked it to another file, that file keeps its content. */
async function empty(place: Buffer, { links, mode, uid, gid }: TreeEntry): Promise<void> {
  if (links === 1) return truncate(place);
  await rm(place);
  await writeFile(place, '', { flag: 'wx', mode: 0o600 });
  await lchown(place, uid, gid);
  await chmod(place, mode & 0o7777);
}

async function rewrite(
  place: Buffer,
  change: (bytes: Buffer) => Buffer,
  reason: string,
): Promise<Omit<Normalised, 'path'> | undefined> {
  const before = await readFile(place);
  const after = change(before);
  if (after.equals(before)) return undefined;
  await writeFile(place, after);
  return { action: 'rewritten', reason };
}

const ageingReason = 'the day of the last password change is that of the build';

/** shadow(5), field 3: days since 1970. Empty and 0 have a meaning of their own and stay. */
function withFixedAgeing(bytes: Buffer, epoch: number): Buffer {
  const day = String(Math.floor(epoch / 86_400));
  const lines = bytes.toString('latin1').split('\n');
  const fixed = lines.map((line) => line.replace(/^([^:]*:[^:]*:)([1-9]\d*)(?=:)/, `$1${day}`));
  return Buffer.from(fixed.join('\n'), 'latin1');
}
