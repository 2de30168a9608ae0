/** The disk of a machine: an ext4 of the image's tree, with as much space as the instance may write. */
import { truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { runConfined } from '../../../lib/host/confined.ts';
import { spareBytes, reserveReached } from '../../../lib/host/reserve.ts';
import { native } from '../../../lib/host/native.ts';

const blockBytes = 4096;
const inodeBytes = 256;
/** One for so many bytes that the instance may write, as mke2fs(8) has it. */
const bytesForInode = 16_384;
/** For groups, bitmaps and what rounds up. */
const spare = 64 * 1024 * 1024;
/** Blocks that Linux keeps for itself of each ext4 (ext4_calculate_resv_clusters of fs/ext4/extents.c). */
const keptBlocks = (blocks: number) => Math.min(Math.floor(blocks / 50), 4096);

/** A sparse file. Throws DISK_FULL, HOST_MISSING. */
export async function makeRootDisk(file: string, tree: string, limit: number): Promise<void> {
  const used = await native().usage(tree);
  if ((await spareBytes(dirname(file))) < used.bytes + limit) throw reserveReached(dirname(file));
  const inodes = used.inodes + Math.ceil(limit / bytesForInode) + 1024;
  const content = used.bytes + used.inodes * blockBytes + limit;
  const size = Math.ceil((content * 1.01 + inodes * inodeBytes + spare) / blockBytes) * blockBytes;
  await writeFile(file, '');
  await truncate(file, size);
  const features = ['-O', '^has_journal,^resize_inode', '-E', 'nodiscard,lazy_itable_init=1'];
  const numbers = ['-b', blockBytes, '-I', inodeBytes, '-N', inodes, '-m', 0].map(String);
  const made = ['-q', '-F', '-t', 'ext4', ...features, ...numbers, '-d', tree, file];
  // It has to read every file.
  await runConfined('mke2fs', made, {
    reads: [tree],
    writes: dirname(file),
    capabilities: ['DAC_OVERRIDE'],
  });
  await reserveAllBut(file, limit, keptBlocks(size / blockBytes));
}

/** What is free beyond the limit is reserved, for a user that does not exist: the kernel gives it to no program. */
async function reserveAllBut(file: string, limit: number, kept: number): Promise<void> {
  const reach = { writes: dirname(file) };
  const { stdout } = await runConfined('dumpe2fs', ['-h', file], reach);
  const free = Number(/^Free blocks:\s+(\d+)$/m.exec(stdout)?.[1]);
  const reserved = Math.max(0, free - kept - Math.floor(limit / blockBytes));
  await runConfined('debugfs', ['-w', '-R', `set_super_value r_blocks_count ${reserved}`, file], reach);
}

/** A sparse file. Throws DISK_FULL, HOST_MISSING. */
export async function makeSwapDisk(file: string, bytes: number): Promise<void> {
  if ((await spareBytes(dirname(file))) < bytes) throw reserveReached(dirname(file));
  await writeFile(file, '');
  // Its first page is the header; the kernel takes ten at least.
  await truncate(file, Math.max(Math.ceil(bytes / blockBytes) + 1, 10) * blockBytes);
  await runConfined('mkswap', [file], { writes: dirname(file) });
}
