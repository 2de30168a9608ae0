import { byteString } from '../../src/lib/host/paths.ts';
import type { TarEntry } from '../../src/stages/layer/tar/tar-entry.ts';

/** An empty file, but for what a test says otherwise. */
export const tarEntry = (part: Partial<TarEntry>): TarEntry => ({
  path: byteString('a/file'),
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  ...part,
});
