/**
 * The first MiB of both of a pool's devices is ours: it says whose they are. dm-thin's own metadata names no pool,
 * and would take any other's for its own.
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
/** The label's share of a device; aligned as partitions are. */
export const labelSectors = 2048;

/** THIN_SUPERBLOCK_MAGIC, 32 bytes into the metadata (drivers/md/dm-thin-metadata.c). */
const superblockMagic = 27_022_010n;
const superblockMagicAt = 32;

/** Undefined where there is none. */
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

/** Labels a device and, on metadata, makes room for a new pool: the kernel takes zeros for that. */
export async function writeLabel(path: string, label: Label): Promise<void> {
  const block = Buffer.alloc(labelBytes);
  block.write(`${magic}${JSON.stringify(label)}`);
  await writing(path, async (handle) => {
    if (label.role === 'metadata')
      await handle.write(Buffer.alloc(labelBytes), 0, labelBytes, labelSectors * sector);
    await handle.write(block, 0, labelBytes, 0);
  });
}

/** Takes the label away, where it is this pool's. */
export async function clearLabel(path: string, pool: string): Promise<void> {
  if ((await readLabel(path))?.pool !== pool) return;
  await writing(path, async (handle) => {
    await handle.write(Buffer.alloc(labelBytes), 0, labelBytes, 0);
  });
}

/** Whether the metadata begins as a pool's does; the kernel would make a new pool where it is zeros. */
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
