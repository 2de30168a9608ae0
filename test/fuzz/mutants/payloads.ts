/** Archives that end too early or too late, and payloads that are none. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Draft, Mutation } from './draft.ts';

const cut = (keep: (length: number) => number) => (draft: Draft) => {
  draft.squeezed = (payload) => payload.subarray(0, keep(payload.length));
};

export const payloadMutations: Mutation[] = [
  ['no trailer', 'INSTALL_FAILED', (d) => void (d.end = 'none')],
  ['an archive cut short', 'INSTALL_FAILED', (d) => d.editArchive((bytes) => bytes.subarray(0, 2000))],
  [
    'an archive cut in the last entry',
    'INSTALL_FAILED',
    (d) => d.editArchive((bytes) => bytes.subarray(0, -200)),
  ],
  [
    'text behind the trailer',
    'built',
    (d) => d.editArchive((bytes) => Buffer.concat([bytes, Buffer.from('and more')])),
  ],
  [
    '8 MiB behind the trailer',
    'PACKAGE_INVALID',
    (d) => d.editArchive((bytes) => Buffer.concat([bytes, Buffer.alloc(8 << 20)])),
  ],
  [
    '1 GiB behind the trailer',
    'PACKAGE_INVALID',
    (d) => {
      const more = zstdCompressSync(Buffer.alloc(64 << 20));
      d.squeezed = (payload) => Buffer.concat([payload, ...Array.from({ length: 16 }, () => more)]);
    },
  ],
  [
    'zeros before the archive',
    'INSTALL_FAILED',
    (d) => d.editArchive((bytes) => Buffer.concat([Buffer.alloc(512), bytes])),
  ],
  ['an empty archive', 'INSTALL_FAILED', (d) => d.editArchive(() => Buffer.alloc(0))],
  ['an empty payload', 'INSTALL_FAILED', cut(() => 0)],
  ['half a payload', 'INSTALL_FAILED', cut((length) => length >> 1)],
  ['a payload without its last byte', 'INSTALL_FAILED', cut((length) => length - 1)],
  [
    'a payload and a frame more',
    'built',
    (d) => {
      d.squeezed = (payload) => Buffer.concat([payload, zstdCompressSync(Buffer.alloc(0))]);
    },
  ],
  [
    'a payload and text',
    'PACKAGE_INVALID',
    (d) => {
      d.squeezed = (payload) => Buffer.concat([payload, Buffer.from('more')]);
    },
  ],
  [
    'a payload with a flipped bit',
    'INSTALL_FAILED',
    (d) => {
      d.squeezed = (payload) => {
        const copy = Buffer.from(payload);
        copy[100]! ^= 4;
        return copy;
      };
    },
  ],
  [
    'a payload of text',
    'INSTALL_FAILED',
    (d) => {
      d.squeezed = () => Buffer.from('<html>404</html>');
    },
  ],
  [
    'a payload by gzip that says zstd',
    'INSTALL_FAILED',
    (d) => {
      d.squeezed = () => gzipSync('x');
    },
  ],
  ['a payload of another format', 'PACKAGE_INVALID', (d) => d.put('PAYLOADFORMAT', 'drpm')],
  ['no format of the payload', 'built', (d) => d.remove('PAYLOADFORMAT')],
];
