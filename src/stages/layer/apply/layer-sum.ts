/**
 * Computes the tree that layers give when they are applied in order (OCI image specification, layer.md, "Applying
 * Changesets"), as data, without unpacking them.
 */
import { showBytes, type ByteString } from '../../../lib/host/paths.ts';
import type { Changes } from '../diff/changes.ts';
import type { ListedEntry } from '../tar/listing.ts';
import type { TarType } from '../tar/tar-entry.ts';
import { isDirectory, isRegular, parentOf, type Tree, type TreeEntry } from '../tree.ts';

export interface LayerFault {
  /** As text. */
  path: string;
  what: string;
}

export class LayerSum {
  readonly tree: Tree;
  /** Entries that a client cannot be expected to accept. */
  readonly faults: LayerFault[] = [];
  /** Names in each directory. */
  readonly #names = new Map<ByteString, Set<ByteString>>();

  constructor(base: Tree | undefined) {
    this.tree = new Map(base);
    for (const path of this.tree.keys()) this.#namesIn(path).add(path);
  }

  /** Whiteouts apply to lower layers, wherever they are in the layer. */
  lay({ entries, deleted }: Changes): void {
    const made = new Set<ByteString>();
    for (const path of deleted) this.#remove(path);
    for (const entry of entries) {
      this.#checkPlace(entry, made);
      made.add(entry.path);
      const there = this.tree.get(entry.path);
      if (there && isDirectory(there) && !isDirectory(entry)) this.#remove(entry.path);
      this.tree.set(entry.path, entry);
      this.#namesIn(entry.path).add(entry.path);
    }
    for (const path of deleted) {
      if (made.has(path)) this.#fault(path, 'is made and deleted by one layer');
      if (!made.has(parentOf(path))) this.#fault(path, 'is deleted from a directory that its layer has not');
    }
  }

  /** If a layer lacks a directory's entry, clients give the directory other attributes. */
  #checkPlace({ path }: TreeEntry, made: ReadonlySet<ByteString>): void {
    if (made.has(path)) this.#fault(path, 'occurs twice in a layer');
    if (path === '') return;
    const parent = this.tree.get(parentOf(path));
    if (!made.has(parentOf(path))) this.#fault(path, 'is in a layer that has not its directory');
    else if (!parent || !isDirectory(parent)) this.#fault(path, 'is in a layer below what is no directory');
  }

  #remove(path: ByteString): void {
    for (const name of this.#names.get(path) ?? []) if (name !== path) this.#remove(name);
    this.#names.delete(path);
    this.tree.delete(path);
    this.#names.get(parentOf(path))?.delete(path);
  }

  #namesIn(path: ByteString): Set<ByteString> {
    const directory = parentOf(path);
    let names = this.#names.get(directory);
    if (!names) this.#names.set(directory, (names = new Set()));
    return names;
  }

  #fault(path: ByteString, what: string): void {
    this.faults.push({ path: `/${showBytes(path)}`, what });
  }
}

const typeBits: Record<Exclude<TarType, 'link'>, number> = {
  file: 0o100000,
  symlink: 0o120000,
  character: 0o020000,
  block: 0o060000,
  directory: 0o040000,
  fifo: 0o010000,
};
const whiteout = '.wh.';
/** Milliner writes no opaque whiteouts. */
const opaque = '.wh..wh..opq';

/** Negative, so that it never equals an inode of a file system. */
let lastInode = 0n;

/**
 * The entries of a layer's listing in the form of a tree. A hard link shares the entry of its target, which comes
 * first.
 */
export function changesListed(listing: readonly ListedEntry[]): Changes & { faults: LayerFault[] } {
  const entries: TreeEntry[] = [];
  const byPath = new Map<string, TreeEntry>();
  const deleted: ByteString[] = [];
  const faults: LayerFault[] = [];
  for (const listed of listing) {
    const path = pathOf(listed.path);
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (name.startsWith(whiteout)) {
      if (name === opaque) faults.push({ path: `/${showBytes(path)}`, what: 'hides a whole directory' });
      deleted.push((path.slice(0, path.length - name.length) + name.slice(whiteout.length)) as ByteString);
      continue;
    }
    const first = listed.type === 'link' ? byPath.get(listed.linkTarget ?? '') : undefined;
    if (listed.type === 'link' && (!first || !isRegular(first))) {
      faults.push({ path: `/${showBytes(path)}`, what: 'is a link to no file of its layer' });
      continue;
    }
    const entry = first ? { ...first, path } : entryListed(listed, path);
    if (first) first.links = entry.links = 2;
    entries.push(entry);
    byPath.set(path, entry);
  }
  return { entries, deleted, faults };
}

/** In a tar archive directories end with a slash, and the root is a dot. */
function pathOf(path: ByteString): ByteString {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path;
  return (bare === '.' ? '' : bare) as ByteString;
}

function entryListed(listed: ListedEntry, path: ByteString): TreeEntry {
  const { type, mode, uid, gid, size, mtime, linkTarget, deviceMajor, deviceMinor, xattrs, sha256 } = listed;
  return {
    path,
    mode: typeBits[type as Exclude<TarType, 'link'>] | mode,
    uid,
    gid,
    size,
    allocated: 0,
    mtimeSeconds: mtime,
    mtimeNanoseconds: 0,
    ctimeNanoseconds: -1n,
    inode: --lastInode,
    links: 1,
    deviceMajor: deviceMajor ?? 0,
    deviceMinor: deviceMinor ?? 0,
    ...(type === 'symlink' && { target: linkTarget ?? ('' as ByteString) }),
    ...(xattrs && { xattrs }),
    ...(sha256 !== undefined && { sha256 }),
  };
}
