/** A file system of fixed size in a file: a program that fills it, even as root, cannot fill the disk below. */
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { run } from './exec.ts';
import { lstatIfThere } from './files.ts';
import { attachLoop, detachLoop, loopsOf } from './loop.ts';
import { mount } from './mounts.ts';
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
 * No journal, and inode tables that are not zeroed: the file system is discarded, or copied once all of it is written.
 * It takes about 30 ms to make.
 */
const ext4 =
  '-q -F -t ext4 -O ^has_journal -m 0 -e remount-ro -E nodiscard,lazy_itable_init=1,root_owner=0:0'.split(
    ' ',
  );

/**
 * Makes the file system with that many bytes and mounts it. Its blocks are allocated at once. So the free space of the
 * disk below is what other programs can still write, and no write to the image fails for lack of space below. Throws
 * DISK_FULL, HOST_MISSING.
 */
export async function makeDisk({ file, place }: Disk, bytes: number): Promise<void> {
  if (!(await lstatIfThere('/dev/loop-control'))) throw withoutLoops();
  if ((await spareBytes(dirname(file))) < bytes) throw reserveReached(dirname(file));
  await run('fallocate', ['--length', String(bytes), file]);
  await run('mke2fs', [...ext4, file]);
  const device = await attachLoop(file);
  try {
    const options = ['noinit_itable'];
    await mount({ type: 'ext4', source: device, readonly: false, options }, place);
  } finally {
    // From here on the kernel detaches the loop device with the mount.
    await detachLoop(device);
  }
}

/**
 * Removes the image file of an unmounted disk, and the loop device that its maker may have left when it was killed
 * before the mount.
 */
export async function removeDisk({ file }: Pick<Disk, 'file'>): Promise<void> {
  if (!(await lstatIfThere(file))) return;
  for (const device of await loopsOf(file)) await detachLoop(device);
  // Another process may remove it at the same time.
  await rm(file, { force: true });
}

function withoutLoops(): MillinerError {
  return new MillinerError('HOST_MISSING', 'this host has no loop devices (/dev/loop-control)', {
    hint: 'Load their module with modprobe loop. In a container, share the /dev of the host. Milliner limits what programs of an image write by a disk of their own on such a device.',
  });
}
