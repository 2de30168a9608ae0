/** Splits files that no package explains into layers that change for different reasons. */
import { byteString, type ByteString } from '../../../lib/host/paths.ts';
import { isRegular, type Tree, type TreeEntry } from '../tree.ts';
import type { Changed } from './changes.ts';

/** Description of a layer's content. */
export type StateLayerKind = 'rpm database' | 'generated files' | 'state';

/**
 * Bytes. A file such as an initramfs gets a layer of its own, so that a small change of the state does not include it.
 */
const largeFile = 8 * 1024 * 1024;

/** Lowest first, without empty layers. All names of a file are in the same layer. */
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
