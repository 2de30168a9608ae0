/** What packages do not explain, in layers that change for different reasons. */
import { byteString, type ByteString } from '../../../lib/host/paths.ts';
import { isRegular, type Tree, type TreeEntry } from '../tree.ts';
import type { Changed } from './changes.ts';

/** What a layer holds, for people. */
export type StateLayerKind = 'rpm database' | 'generated files' | 'state';

/** An initramfs and its like: a small change elsewhere in the state should not bring it along. Bytes. */
const largeFile = 8 * 1024 * 1024;

/** Lowest first; a layer that would hold nothing is left out. Names of one file stay together. */
export function splitChanged(
  tree: Tree,
  { paths, deleted }: Changed,
  dbPath: string,
): [StateLayerKind, Changed][] {
  const database = byteString(`${dbPath.replace(/^\/+/, '')}/`);
  const placeOf = (entry: TreeEntry): StateLayerKind => {
    if (!isRegular(entry)) return 'state';
    if (entry.path.startsWith(database) && entry.links === 1) return 'rpm database';
    return entry.size >= largeFile ? 'generated files' : 'state';
  };
  const changes: Record<StateLayerKind, Set<ByteString>> = {
    'rpm database': new Set(),
    'generated files': new Set(),
    state: new Set(),
  };
  for (const path of paths) changes[placeOf(tree.get(path)!)].add(path);
  return (Object.keys(changes) as StateLayerKind[])
    .map((content): [StateLayerKind, Changed] => [
      content,
      { paths: changes[content], deleted: content === 'state' ? deleted : [] },
    ])
    .filter(([, change]) => change.paths.size > 0 || change.deleted.length > 0);
}
