/** What packages do not explain, in layers that change for different reasons. */
import { byteString, type ByteString } from '../../../lib/host/paths.ts';
import { isRegular, type Tree, type TreeEntry } from '../tree.ts';
import type { Changed } from './changes.ts';

/** What a layer holds, for people. */
export type Held = 'rpm database' | 'generated files' | 'state';

/** An initramfs and its like: a small change elsewhere in the state should not bring it along. Bytes. */
const largeFile = 8 * 1024 * 1024;

/** Lowest first; a layer that would hold nothing is left out. Names of one file stay together. */
export function splitChanged(tree: Tree, { paths, deleted }: Changed, dbPath: string): [Held, Changed][] {
  const database = byteString(`${dbPath.replace(/^\/+/, '')}/`);
  const placeOf = (entry: TreeEntry): Held => {
    if (!isRegular(entry)) return 'state';
    if (entry.path.startsWith(database) && entry.links === 1) return 'rpm database';
    return entry.size >= largeFile ? 'generated files' : 'state';
  };
  const parts: Record<Held, Set<ByteString>> = {
    'rpm database': new Set(),
    'generated files': new Set(),
    state: new Set(),
  };
  for (const path of paths) parts[placeOf(tree.get(path)!)].add(path);
  return (Object.keys(parts) as Held[])
    .map((held): [Held, Changed] => [held, { paths: parts[held], deleted: held === 'state' ? deleted : [] }])
    .filter(([, part]) => part.paths.size > 0 || part.deleted.length > 0);
}
