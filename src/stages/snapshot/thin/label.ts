/**
 * Labels on the first MiB of both devices of a pool, which name the pool. dm-thin's own metadata names no pool, and
 * would accept another pool's data device.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { MillinerError } from '../../../lib/errors/error.ts';
import { sector } from './pool-config.ts';

export type Role = 'data' | 'metadata';

export interface Label {
  pool: string;
  role: Role;
}

const magic = 'MILLINER POOL 1\n';
const labelBytes = 4096;
/** Sectors of the label; aligned as partitions are. */
export const labelSectors = 2048;

/** THIN_SUPERBLOCK_MAGIC, 32 bytes into the metadata (drivers/md/dm-thin-metadata.c). */
const superblockMagic = 27_022_010n;
const superblockMagicAt = 32;

/** Undefined if there is none. */
export async function readLabel(path: string): Promise<Label | undefined> {
  const block = await readAt(path, 0);
  if (!block.toString('latin1').startsWith(magic)) return undefined;
  const text = block.subarray(magic.length, block.indexOf(0, magic.length)).toString('utf8');
  try {
    return JSON.parse(text) as Label;
  } catch (cause) {
    throw new MillinerError('POOL_DAMAGED', `the label of ${path} is damaged`, { cause, details: { path } });
  }
}

/** Writes a label; on a metadata device it also zeroes the superblock, because the kernel makes a new pool of zeros. */
export async function writeLabel(path: string, label: Label): Promise<void> {
  const block = Buffer.alloc(labelBytes);
  block.write(`${magic}${JSON.stringify(label)}`);
  await writing(path, async (handle) => {
    if (label.role === 'metadata')
      await handle.write(Buffer.alloc(labelBytes), 0, labelBytes, labelSectors * sector);
    await handle.write(block, 0, labelBytes, 0);
  });
}

/** Removes the label if it is this pool's. */
export async function clearLabel(path: string, pool: string): Promise<void> {
  if ((await readLabel(path))?.pool !== pool) return;
  await writing(path, async (handle) => {
    await handle.write(Buffer.alloc(labelBytes), 0, labelBytes, 0);
  });
}

/** Whether the metadata begins with a superblock; the kernel would make a new pool of zeros. */
export async function hasSuperblock(path: string): Promise<boolean> {
  const block = await readAt(path, labelSectors * sector);
  return block.readBigUInt64LE(superblockMagicAt) === superblockMagic;
}

async function readAt(path: string, position: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const block = Buffer.alloc(labelBytes);
    await handle.read(block, 0, labelBytes, position);
    return block;
  } finally {
    await handle.close();
  }
}

async function writing(path: string, work: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, constants.O_RDWR);
  try {
    await work(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
