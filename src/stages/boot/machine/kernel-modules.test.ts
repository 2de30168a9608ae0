import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Kernel } from './kernel.ts';
import { neededModules, parseDependencies } from './kernel-modules.ts';

const list = [
  'kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz',
  'kernel/lib/crc16.ko.xz:',
  'kernel/drivers/virtio/virtio-pci.ko: kernel/drivers/virtio/virtio.ko',
  '../../etc/shadow.ko: /etc/passwd',
  'no colon',
].join('\n');

test('what a module depends on comes before it', () => {
  expect(Object.fromEntries(parseDependencies(list))).toEqual({
    ext4: ['kernel/fs/mbcache.ko.xz', 'kernel/lib/crc16.ko.xz', 'kernel/fs/ext4/ext4.ko.xz'],
    crc16: ['kernel/lib/crc16.ko.xz'],
    virtio_pci: ['kernel/drivers/virtio/virtio.ko', 'kernel/drivers/virtio/virtio-pci.ko'],
  });
});

const kernelOf = (files: Record<string, Buffer | string>): Kernel => ({
  version: '6',
  image: Buffer.alloc(0),
  read: async (path) => (files[path] === undefined ? undefined : Buffer.from(files[path])),
});
const builtIn = 'kernel/fs/ext4/ext4.ko\nkernel/virtio_pci.ko\n';
const modules = 'a/virtio_blk.ko.gz: b/one.ko.zst\nb/one.ko.zst:\na/virtio_console.ko: b/one.ko.zst\n';

test('those that are built in are left out, others unpacked, none twice', async () => {
  const found = await neededModules(
    kernelOf({
      'modules.dep': modules,
      'modules.builtin': builtIn,
      'a/virtio_blk.ko.gz': gzipSync('blk'),
      'a/virtio_console.ko': 'console',
      'b/one.ko.zst': zstdCompressSync('one'),
    }),
    false,
  );
  expect(found.map(({ name, bytes }) => [name, bytes.toString()])).toEqual([
    ['one', 'one'],
    ['virtio_blk', 'blk'],
    ['virtio_console', 'console'],
  ]);
});

test.each([
  ['no list', {}],
  ['no driver of the disk', { 'modules.dep': '', 'modules.builtin': builtIn }],
  ['a file that is missing', { 'modules.dep': modules, 'modules.builtin': builtIn }],
])('a kernel with %s', async (_, files) => {
  await expect(neededModules(kernelOf(files), false)).rejects.toMatchObject({ code: 'MACHINE_FAILED' });
});
