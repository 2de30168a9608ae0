import { expect, test } from 'vitest';
import { byteString } from '../../../lib/host/paths.ts';
import type { RpmFile } from '../../../lib/rpm/file-list.ts';
import type { RpmPackage } from '../../../lib/rpm/package.ts';
import { SegmentBytes } from './segment-bytes.ts';

const flags = { ghost: false, config: false, doc: false } as RpmFile['flags'];

function bytesWith(digest: string): Buffer {
  const file = {
    path: byteString('etc/a'),
    mode: 0o100644,
    size: 4,
    digest: { algorithm: 'sha256', hex: digest },
    flags,
    capabilities: '',
    device: 0,
    inode: 1,
    mtime: 0,
  } as RpmFile;
  const payload = { compressor: 'zstd', offset: 0, size: 0 };
  const read = { path: '/a.rpm', payload, files: [file] } as unknown as RpmPackage;
  return new SegmentBytes().package({ package: read, places: [[0, file.path, 0, 0]] }).bytes();
}

// One that was shorter than announced shifted all behind it: a header could write segments of its own.
test.each(['0'.repeat(63), 'no digest', `zz${'0'.repeat(62)}`, 'é'.repeat(64), '-'])(
  'a digest that is none takes as many bytes as it announces: %s',
  (digest) => {
    const text = Buffer.from(digest, 'latin1');
    const bytes = bytesWith(digest);
    expect(bytes.length).toBe(bytesWith('').length + text.length);
    const at = bytes.indexOf(text);
    expect(bytes.readUInt32LE(at - 4)).toBe(text.length);
  },
);
