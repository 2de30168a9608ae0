/** Times that say when the build ran become constants; times that packages gave their files stay. */
import { lutimes } from 'node:fs/promises';
import { below } from '../../host/paths.ts';
import { isAsPackaged, isInherited } from '../packaged.ts';
import { isDirectory, type TreeEntry } from '../tree.ts';
import type { InstalledTree } from './normalise.ts';

/** A directory's time moves with every name made in it and no package's check looks at it: one constant for all. */
export const directoryTime = 0;

/** No other change time is this one: nothing takes the entry for untouched. */
const changedNow = -1n;

/** Sets them on disk and in the tree, so that the snapshot and the image made from it are the same. */
export async function fixTimes(installed: InstalledTree): Promise<void> {
  for (const entry of installed.tree.values()) {
    if (isInherited(entry, installed.parent)) continue;
    const wanted = timeOf(entry, installed);
    if (entry.mtimeSeconds === wanted && entry.mtimeNanoseconds === 0) continue;
    await lutimes(below(installed.root, entry.path), wanted, wanted);
    Object.assign(entry, { mtimeSeconds: wanted, mtimeNanoseconds: 0, ctimeNanoseconds: changedNow });
  }
}

function timeOf(entry: TreeEntry, { parent, packaged, epoch }: InstalledTree): number {
  if (isDirectory(entry)) return directoryTime;
  if (isAsPackaged(entry, packaged)) return entry.mtimeSeconds;
  // A changed mode or owner of a file of the parent leaves its time alone.
  const before = parent?.get(entry.path);
  if (before && entry.mtimeNanoseconds === 0 && before.mtimeSeconds === entry.mtimeSeconds)
    return entry.mtimeSeconds;
  return epoch;
}
