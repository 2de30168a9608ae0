/**
 * Keeps hard links intact across layers. With index=on, overlayfs copies a file with several names up once and keeps
 * the names together. But unchanged names then exist only through the index in the work directory. A child of the
 * committed layer has no such index, and would show the old file under these names. So before a commit each such name
 * is made real in the upper directory.
 */
import { join } from 'node:path';
import { readdirIfThere } from '../../lib/host/files.ts';
import { native } from '../../lib/host/native.ts';
import { below } from '../../lib/host/paths.ts';

const fileType = 0o170000;
const directoryType = 0o040000;

/** Whether a file with several names was changed or lost a name; overlayfs lists each in its index. */
export async function hasChangedHardLinks(work: string): Promise<boolean> {
  // There is no index before the first mount, and none without a parent.
  const names = (await readdirIfThere(indexOf(work))) ?? [];
  return names.length > 0;
}

/** root: the mounted overlay; work: its work directory. */
export async function settleHardLinks(root: string, work: string): Promise<void> {
  const [indexed, entries] = await Promise.all([native().scan(indexOf(work)), native().scan(root)]);
  // Names share the ctime of their file, and that of an indexed file is later than that of any lower file.
  const changed = new Set(indexed.slice(1).map((entry) => entry.ctimeNanoseconds));
  for (const entry of entries) {
    const isDirectory = (entry.mode & fileType) === directoryType;
    if (isDirectory || !changed.has(entry.ctimeNanoseconds)) continue;
    // Setting the same time again makes overlayfs link this name into the upper directory.
    await native().setMtime(below(root, entry.path), entry.mtimeSeconds, entry.mtimeNanoseconds);
  }
}

function indexOf(work: string): string {
  return join(work, 'index');
}
