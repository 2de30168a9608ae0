/** Compares files of two trees. */
import { isDirectory, isLink, type TreeEntry } from '../tree.ts';

/** Compares what an image contains, without inode numbers and change times, which belong to the state directory. */
export function differenceOf(a: TreeEntry | undefined, b: TreeEntry | undefined): string | undefined {
  if (!a || !b) return 'presence';
  const fields = [
    'mode',
    'uid',
    'gid',
    'sha256',
    'mtimeSeconds',
    'target',
    'deviceMajor',
    'deviceMinor',
  ] as const;
  const field = fields.find((name) => a[name] !== b[name]);
  const names: Partial<Record<string, string>> = { sha256: 'content', mtimeSeconds: 'modification time' };
  if (field) return names[field] ?? field;
  return JSON.stringify(a.xattrs ?? {}) === JSON.stringify(b.xattrs ?? {})
    ? undefined
    : 'extended attributes';
}

export function sameAttributes(a: TreeEntry, b: TreeEntry): boolean {
  const linkSize = isDirectory(a) || isLink(a);
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    (linkSize || a.size === b.size) &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.target === b.target &&
    a.deviceMajor === b.deviceMajor &&
    a.deviceMinor === b.deviceMinor &&
    sameXattrs(a.xattrs, b.xattrs)
  );
}

function sameXattrs(a: TreeEntry['xattrs'] = {}, b: TreeEntry['xattrs'] = {}): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => b[name] !== undefined && a[name]!.equals(b[name]));
}
