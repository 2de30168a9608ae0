/** The tar members of a layer. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { MillinerError } from '../../../lib/errors/error.ts';
import { below, showBytes } from '../../../lib/host/paths.ts';
import { tarEntry, whiteout } from '../tar/entry.ts';
import type { TarMember } from '../tar/writer.ts';
import { isRegular, parentOf, type TreeEntry } from '../tree.ts';
import type { Changes } from './changes.ts';

/** Puts the sha256 of each regular file into its entry while it is read. */
export function* layerMembers(root: string, { entries, deleted }: Changes): Generator<TarMember> {
  const whiteouts = Map.groupBy(deleted, parentOf);
  const firstNames = new Map<bigint, TreeEntry>();
  for (const entry of entries) {
    const first = isRegular(entry) && entry.links > 1 ? firstNames.get(entry.inode) : undefined;
    if (first?.sha256 !== undefined) entry.sha256 = first.sha256;
    if (isRegular(entry) && first === undefined) {
      if (entry.links > 1) firstNames.set(entry.inode, entry);
      if (entry.size === 0) entry.sha256 = digestOfNothing;
      yield { entry: tarEntry(entry), content: fileContent(root, entry) };
    } else yield { entry: tarEntry(entry, first?.path) };
    for (const deletedPath of whiteouts.get(entry.path) ?? []) yield { entry: whiteout(deletedPath) };
  }
}

const digestOfNothing = createHash('sha256').digest('hex');

/** A file whose size has changed since the scan would shift every byte after it, so that is an error. */
async function* fileContent(root: string, entry: TreeEntry): AsyncGenerator<Buffer> {
  const hash: Hash = createHash('sha256');
  let total = 0;
  for await (const piece of filePieces(below(root, entry.path), entry.size)) {
    hash.update(piece);
    total += piece.length;
    yield piece;
  }
  if (total !== entry.size) {
    throw new MillinerError('INTERNAL', `/${showBytes(entry.path)} changed while its layer was written`);
  }
  entry.sha256 = hash.digest('hex');
}

const maxWholeBytes = 512 * 1024;

/** Most files are small and cached, and then a plain read costs a tenth of a stream. */
function filePieces(path: Buffer, size: number): Iterable<Buffer> | AsyncIterable<Buffer> {
  if (size === 0) return [];
  return size <= maxWholeBytes
    ? [readFileSync(path)]
    : createReadStream(path, { highWaterMark: maxWholeBytes });
}
