/** A file system of fixed size in a file: a program that fills it, even as root, cannot fill the disk below. */
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { runConfined } from './confined.ts';
import { run } from './exec.ts';
import { lstatIfThere, syncPath } from './files.ts';
import { detachLoop, loopsOf, withLoop } from './loop.ts';
import { makeFileSystemReadOnly, mount, unmount } from './mounts.ts';
import { native } from './native.ts';
import { reserveReached, spareBytes } from './reserve.ts';

export interface Disk {
  /** The image file. */
  file: string;
  /** An empty directory to mount it at. */
  place: string;
}

/** Bytes; a smaller file system has no room for a file. */
export const minDiskBytes = 2 * 1024 * 1024;

/**
 * No journal, and inode tables that are not zeroed: the file system is discarded, or finished once all of it is written.
 * It takes about 30 ms to make.
 */
const ext4 =
  '-q -F -t ext4 -O ^has_journal -m 0 -e remount-ro -E nodiscard,lazy_itable_init=1,root_owner=0:0'.split(
    ' ',
  );

export interface DiskSize {
  bytes: number;
  /**
   * Its blocks are allocated as they are written: the caller watches the free space of the disk below. Otherwise they
   * are allocated at once, so that this free space is what other programs can still write, and no write to the image
   * fails for lack of space below.
   */
  isSparse?: boolean;
}

/** Makes the file system and mounts it. Returns its loop device. Throws DISK_FULL, HOST_MISSING. */
export async function makeDisk(
  { file, place }: Disk,
  { bytes, isSparse = false }: DiskSize,
): Promise<string> {
  const needed = isSparse ? minDiskBytes : bytes;
  if ((await spareBytes(dirname(file))) < needed) throw reserveReached(dirname(file));
  if (isSparse) await writeFile(file, '', { flag: 'wx' });
  if (isSparse) await truncate(file, bytes);
  else await run('fallocate', ['--length', String(bytes), file]);
  await run('mke2fs', [...ext4, file]);
  return withLoop(file, { readonly: false }, async (device) => {
    const options = ['noinit_itable'];
    await mount({ type: 'ext4', source: device, readonly: false, options }, place);
    return device;
  });
}

/**
 * Makes a file system that is mounted again and again: it has a journal, and its blocks are allocated as they are
 * written. Throws DISK_FULL.
 */
export async function makeLastingDisk({ file }: Pick<Disk, 'file'>, bytes: number): Promise<void> {
  if ((await spareBytes(dirname(file))) < bytes) throw reserveReached(dirname(file));
  await run('truncate', ['--size', String(bytes), file]);
  await run('mke2fs', [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-m',
    '0',
    '-e',
    'remount-ro',
    '-E',
    'root_owner=0:0',
    file,
  ]);
}

/** The same for a machine, with what lies in the place: the host never mounts it. Throws DISK_FULL, HOST_MISSING. */
export async function makeFilledDisk({ file, place }: Disk, bytes: number): Promise<void> {
  if ((await spareBytes(dirname(file))) < bytes) throw reserveReached(dirname(file));
  await run('truncate', ['--size', String(bytes), file]);
  const words = '-q -F -t ext4 -m 0 -e remount-ro -E root_owner=0:0 -d'.split(' ');
  const reach = { reads: [place], files: [file], capabilities: ['DAC_OVERRIDE' as const] };
  await runConfined('mke2fs', [...words, place, file], reach);
}

/** Throws HOST_MISSING. */
export async function mountLastingDisk({ file, place }: Disk): Promise<void> {
  await withLoop(file, { readonly: false }, (source) =>
    mount({ type: 'ext4', source, readonly: false }, place),
  );
}

/** Mounts a finished disk. All its mounts share one loop device and one cache. Throws HOST_MISSING. */
export async function mountDisk({ file, place }: Disk): Promise<void> {
  await withLoop(file, { readonly: true }, (source) =>
    mount({ type: 'ext4', source, readonly: true }, place),
  );
}

/**
 * Writes all of a disk out, gives the blocks that it does not use back, and unmounts it. From then on the file is
 * complete, and nothing writes to it. Throws STORAGE_FAILED if a write was lost, BUSY while a file is open for writing.
 */
export async function finishDisk({ file, place }: Disk, device: string): Promise<void> {
  await native().syncfs(place);
  await run('fstrim', [place]);
  // Another mount namespace may have a copy of the mount, and keep the file system for longer than this process lives.
  await makeFileSystemReadOnly(place);
  await syncPath(device);
  const errors = await readFile(`/sys/fs/ext4/${basename(device)}/errors_count`, 'utf8');
  if (Number(errors) > 0) throw new MillinerError('STORAGE_FAILED', `the file system in ${file} had errors`);
  await unmount(place, { detach: true });
  // fstrim gives back free blocks alone, and most inode tables were never written.
  await native().punchHoles(file);
}

/**
 * Removes the image file of an unmounted disk, and any loop device that it has still got: it would keep the blocks of
 * the file.
 */
export async function removeDisk({ file }: Pick<Disk, 'file'>): Promise<void> {
  if (!(await lstatIfThere(file))) return;
  for (const device of await loopsOf(file)) await detachLoop(device);
  // Another process may remove it at the same time.
  await rm(file, { force: true });
}
