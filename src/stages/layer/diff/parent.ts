/**
 * The parent's tree in this state directory. Its record describes the image. Inodes and change times, by which a child
 * finds inherited files, belong to the state directory, and are new in a copy of it.
 */
import { MillinerError } from '../../../lib/errors/error.ts';
import { showBytes } from '../../../lib/host/paths.ts';
import type { Tree, TreeEntry } from '../tree.ts';
import { sameAttributes } from './compare.ts';

/** Gives the record the inodes and change times that were found. Throws STATE_INVALID if the trees differ. */
export function parentAsFound(recorded: Tree, found: Tree): Tree {
  for (const entry of recorded.values()) {
    const there = found.get(entry.path);
    if (!there || !sameAttributes(there, entry)) throw changed(entry, there ? 'differs' : 'is missing');
    const { inode, inodeNumber, ctimeNanoseconds } = there;
    Object.assign(entry, { inode, inodeNumber, ctimeNanoseconds });
  }
  for (const entry of found.values()) if (!recorded.has(entry.path)) throw changed(entry, 'is too many');
  return recorded;
}

function changed({ path }: TreeEntry, how: string): MillinerError {
  return new MillinerError(
    'STATE_INVALID',
    `the snapshot of the base differs from the tree that was recorded: /${showBytes(path)} ${how}`,
    {
      hint: 'Use a state directory that is whole. A copy must keep owners, times, hard links and extended attributes (cp -a as root).',
      details: { path: `/${showBytes(path)}` },
    },
  );
}
