/** Converts an entry of a tree to one of a tar stream. */
import { MillinerError } from '../../../lib/errors/error.ts';
import { showBytes, type ByteString } from '../../../lib/host/paths.ts';
import { parentOf, type TreeEntry } from '../tree.ts';
import { brokenRule } from './entry-rules.ts';
import type { TarEntry, TarType } from './tar-entry.ts';

const types: Record<number, TarType> = {
  0o100000: 'file',
  0o120000: 'symlink',
  0o020000: 'character',
  0o060000: 'block',
  0o040000: 'directory',
  0o010000: 'fifo',
};

/**
 * A file whose inode was written under another name becomes a hard link to that. Throws IMAGE_UNREPRESENTABLE for a
 * socket, and for entries that clients cannot read.
 */
export function tarEntry(entry: TreeEntry, firstName?: ByteString): TarEntry {
  const type = firstName === undefined ? types[entry.mode & 0o170000] : 'link';
  if (!type) throw unrepresentable(entry.path, 'is a socket, which a layer cannot hold');
  const written: TarEntry = {
    path: entry.path === '' ? ('.' as ByteString) : entry.path,
    type,
    mode: entry.mode & 0o7777,
    uid: entry.uid,
    gid: entry.gid,
    size: type === 'file' ? entry.size : 0,
    mtime: entry.mtimeSeconds,
    linkTarget: firstName ?? entry.target,
    deviceMajor: entry.deviceMajor,
    deviceMinor: entry.deviceMinor,
    // A hard link has the attributes of its target; repeating them would only cost bytes.
    xattrs: firstName === undefined ? entry.xattrs : undefined,
  };
  const broken = brokenRule(written);
  if (broken !== undefined) throw unrepresentable(entry.path, broken);
  return written;
}

export function unrepresentable(path: ByteString, what: string): MillinerError {
  const shown = `/${showBytes(path)}`;
  return new MillinerError('IMAGE_UNREPRESENTABLE', `${shown} ${what}`, { details: { path: shown } });
}

/** OCI image layer specification: an empty file .wh.NAME deletes NAME of the layers below. */
export function whiteout(path: ByteString): TarEntry {
  const parent = parentOf(path);
  const name = path.slice(parent === '' ? 0 : parent.length + 1);
  const place = parent === '' ? '' : `${parent}/`;
  return {
    path: `${place}.wh.${name}` as ByteString,
    type: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
  };
}
