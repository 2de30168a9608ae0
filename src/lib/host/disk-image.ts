/** A file system of fixed size in a file: whoever fills it, root too, fills nothing else. */
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { run } from './exec.ts';
import { lstatIfThere } from './files.ts';
import { attachLoop, detachLoop, loopsOf } from './loop.ts';
import { mount } from './mounts.ts';
import { reserveReached, spareBytes } from './reserve.ts';

export interface Disk {
  /** What it lies in. */
  file: string;
  /** An empty directory, where it is mounted. */
  place: string;
}

/** Bytes; a smaller one has no room for anything. */
export const minDiskBytes = 2 * 1024 * 1024;

/**
 * Without a journal, and with tables that nobody fills with zeros: it is thrown away, or copied once everything in it
 * is written, and costs some 30 ms.
 */
const ext4 =
  '-q -F -t ext4 -O ^has_journal -m 0 -e remount-ro -E nodiscard,lazy_itable_init=1,root_owner=0:0'.split(
    ' ',
  );

/**
 * Makes it of that many bytes and mounts it. They are allocated at once: what is free on the file system below says
 * then what others may still write, and no write to the disk can fail for want of it. Throws DISK_FULL, HOST_MISSING.
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
    // From now on its device goes with its mount.
    await detachLoop(device);
  }
}

/** To be called when it is unmounted; whoever made it may have been killed before it was mounted. */
export async function removeDisk({ file }: Pick<Disk, 'file'>): Promise<void> {
  if (!(await lstatIfThere(file))) return;
  for (const device of await loopsOf(file)) await detachLoop(device);
  // Another process may clear up the same at once.
  await rm(file, { force: true });
}

function withoutLoops(): MillinerError {
  return new MillinerError('HOST_MISSING', 'this host has no loop devices (/dev/loop-control)', {
    hint: 'Load their module with modprobe loop. In a container, share the /dev of the host. Milliner limits what programs of an image write by a disk of their own on such a device.',
  });
}
