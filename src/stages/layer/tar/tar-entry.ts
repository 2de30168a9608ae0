/** An entry of a tar stream (POSIX.1-2001, pax). */
import type { ByteString } from '../../../lib/host/paths.ts';

export type TarType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

export interface TarEntry {
  /** Relative, no leading or trailing slash. */
  path: ByteString;
  type: TarType;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content that follow; 0 for other types than files. */
  size: number;
  /** Whole seconds since the epoch. */
  mtime: number;
  /** Target of a symbolic link, or the path that a hard link refers to. */
  linkTarget?: ByteString | undefined;
  deviceMajor?: number;
  deviceMinor?: number;
  xattrs?: Record<string, Buffer> | undefined;
}
