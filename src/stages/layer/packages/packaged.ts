/** The packages' files by their resolved paths in the installed tree. */
import { resolveInImage, type ByteString } from '../../../lib/host/paths.ts';
import type { RpmFile } from '../../../lib/rpm/file-list.ts';
import { isLink, isUnchanged, type Tree, type TreeEntry } from '../tree.ts';

export interface PackagedFile {
  nevra: string;
  file: RpmFile;
}

/** What a header says of a package's files. */
export interface PackageFiles {
  nevra: string;
  files: readonly RpmFile[];
}

/** Several packages may own one path. */
export type Packaged = Map<ByteString, PackagedFile[]>;

/** Resolves a package's path in a tree whose links are known; undefined for a circle of links. */
export type Resolve = (path: ByteString) => ByteString | undefined;

/** Target of the symbolic link at a path; undefined for anything else. */
export type LinkAt = (path: ByteString) => ByteString | undefined;

/** /lib64/libc.so.6 of an old package is usr/lib64/libc.so.6 if /lib64 is a link. */
export function resolver(linkAt: LinkAt): Resolve {
  const directories = new Map<string, ByteString | undefined>();
  return (path) => {
    const slash = path.lastIndexOf('/');
    if (slash < 0) return path;
    const directory = path.slice(0, slash);
    if (!directories.has(directory)) directories.set(directory, resolveDirectory(directory, linkAt));
    const place = directories.get(directory);
    if (place === undefined) return undefined;
    return ((place === '' ? '' : `${place}/`) + path.slice(slash + 1)) as ByteString;
  };
}

export function linksOf(tree: Tree): LinkAt {
  return (path) => {
    const entry = tree.get(path);
    return entry && isLink(entry) ? entry.target : undefined;
  };
}

export function packagedFiles(packages: Iterable<PackageFiles>, tree: Tree): Packaged {
  const resolve = resolver(linksOf(tree));
  const found: Packaged = new Map();
  for (const { nevra, files } of packages) {
    for (const file of files) {
      const path = resolve(file.path);
      if (path === undefined) continue;
      const owners = found.get(path);
      if (owners) owners.push({ nevra, file });
      else found.set(path, [{ nevra, file }]);
    }
  }
  return found;
}

function resolveDirectory(path: string, linkAt: LinkAt): ByteString | undefined {
  // With one more component, the resolver also follows the directory itself.
  const resolved = resolveInImage(`${path}/.x` as ByteString, linkAt);
  return resolved === undefined
    ? undefined
    : (resolved.slice(0, Math.max(0, resolved.length - 3)) as ByteString);
}

/** Whether the content is the package's: rpm sets the header's mtime, and any later write changes it. */
export function isAsPackaged(entry: TreeEntry, packaged: Packaged): boolean {
  return (packaged.get(entry.path) ?? []).some(
    ({ file }) => !file.flags.ghost && file.mtime === entry.mtimeSeconds && entry.mtimeNanoseconds === 0,
  );
}

/** Whether the path is unchanged since the parent image was made. */
export function isInherited(entry: TreeEntry, parent: Tree | undefined): boolean {
  const before = parent?.get(entry.path);
  return before !== undefined && isUnchanged(entry, before);
}
