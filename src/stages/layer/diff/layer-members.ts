/** The members of a layer that is made of a tree's files. */
import type { ByteString } from '../../../lib/host/paths.ts';
import { tarEntry, whiteout } from '../tar/entry.ts';
import { isRegular, parentOf, type TreeEntry } from '../tree.ts';
import type { TreeMember } from '../write/segment-bytes.ts';
import type { Changes } from './changes.ts';

export function* layerMembers({ entries, deleted }: Changes): Generator<TreeMember> {
  const whiteouts = Map.groupBy(deleted, parentOf);
  const firstNames = new Map<bigint, ByteString>();
  for (const entry of entries) {
    const first = isLinked(entry) ? firstNames.get(entry.inode) : undefined;
    if (isLinked(entry) && first === undefined) firstNames.set(entry.inode, entry.path);
    const hasContent = isRegular(entry) && first === undefined && entry.size > 0;
    yield { entry: tarEntry(entry, first), ...(hasContent && { file: entry.path }) };
    for (const path of whiteouts.get(entry.path) ?? []) yield { entry: whiteout(path) };
  }
}

const isLinked = (entry: TreeEntry) => isRegular(entry) && entry.links > 1;
