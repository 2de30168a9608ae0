/** A tree as the image shows it, as data: layers are written from it, and a child is compared with it. */
import type { ScanEntry } from '../../lib/host/native.ts';
import type { ByteString } from '../../lib/host/paths.ts';

/**
 * A directory's time changes with every name that is added, and no package's check compares it. So all directories get
 * one constant, except those of the base, which keep theirs: snapshotters differ in which of these a change touches.
 */
export const directoryTime = 0;

export interface TreeEntry extends ScanEntry {
  /** sha256 of the content, hexadecimal; for regular files, once it was read. */
  sha256?: string;
}

/** By path, in the order of the scan: parents before children. */
export type Tree = Map<ByteString, TreeEntry>;

const typeMask = 0o170000;
export const isDirectory = (entry: TreeEntry): boolean => (entry.mode & typeMask) === 0o040000;
export const isRegular = (entry: TreeEntry): boolean => (entry.mode & typeMask) === 0o100000;
export const isLink = (entry: TreeEntry): boolean => (entry.mode & typeMask) === 0o120000;
export const isSocket = (entry: TreeEntry): boolean => (entry.mode & typeMask) === 0o140000;
/** Whether the entry has the file type of this mode. */
export const hasType = (entry: TreeEntry, mode: number): boolean =>
  (entry.mode & typeMask) === (mode & typeMask);

/** SELinux labels belong to the host that runs an image, not to the image. */
const hostXattr = 'security.selinux';

/** Whether a path has in both trees the same file of one disk, and nothing has changed it: each change sets its time. */
export function isUnchanged(now: TreeEntry, before: TreeEntry): boolean {
  const { inodeNumber, ctimeNanoseconds } = now;
  return (
    inodeNumber !== undefined &&
    inodeNumber === before.inodeNumber &&
    ctimeNanoseconds === before.ctimeNanoseconds
  );
}

export function treeOf(entries: ScanEntry[]): Tree {
  for (const { xattrs } of entries) if (xattrs) delete xattrs[hostXattr];
  return new Map(entries.map((entry) => [entry.path, entry]));
}

export function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf('/'))) as ByteString;
}

export function ancestorsOf(path: ByteString): ByteString[] {
  const found: ByteString[] = [];
  for (let at = path; at !== '';) found.unshift((at = parentOf(at)));
  return found;
}

type Stated = 'ctimeNanoseconds' | 'btimeNanoseconds' | 'inode' | 'inodeNumber' | 'xattrs';

interface StoredEntry extends Omit<TreeEntry, Stated> {
  ctimeNanoseconds: string;
  inode: string;
  xattrs?: Record<string, string>;
}

/** One JSON value per line, so that a large tree needs no large string. */
export function* serializeTree(tree: Tree): Generator<string> {
  for (const { btimeNanoseconds: _made, inodeNumber: _number, ...entry } of tree.values()) {
    const stored: StoredEntry = {
      ...entry,
      ctimeNanoseconds: String(entry.ctimeNanoseconds),
      inode: String(entry.inode),
      ...withXattrs(entry.xattrs, (value) => value.toString('base64')),
    } as StoredEntry;
    yield `${JSON.stringify(stored)}\n`;
  }
}

/** Reads the output of serializeTree, in pieces of any size. */
export async function parseTree(pieces: AsyncIterable<string> | Iterable<string>): Promise<Tree> {
  const tree: Tree = new Map();
  for await (const lines of linesOf(pieces)) {
    for (const line of lines) {
      const entry = parseEntry(line);
      tree.set(entry.path, entry);
    }
  }
  return tree;
}

/** Several lines at once, without line ends; text behind the last line end is dropped. */
export async function* linesOf(pieces: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string[]> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    yield lines;
  }
}

/** What was parsed becomes the entry: a tree has tens of thousands, and a copy of each takes twice as long. */
export function parseEntry(line: string): TreeEntry {
  const stored = JSON.parse(line) as StoredEntry;
  return Object.assign(stored as Omit<StoredEntry, 'ctimeNanoseconds' | 'inode' | 'xattrs'>, {
    ctimeNanoseconds: BigInt(stored.ctimeNanoseconds),
    inode: BigInt(stored.inode),
    ...withXattrs(stored.xattrs, (value) => Buffer.from(value, 'base64')),
  });
}

function withXattrs<A, B>(
  xattrs: Record<string, A> | undefined,
  change: (value: A) => B,
): { xattrs?: Record<string, B> } {
  if (!xattrs) return {};
  return { xattrs: Object.fromEntries(Object.entries(xattrs).map(([name, value]) => [name, change(value)])) };
}
