/**
 * The disk image of a bounded snapshot. Its changes lie on it while it is active, and the file is the snapshot once it
 * is committed: a copy of so many files would take longer than their installation.
 */
import { mkdir, readdir, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finishDisk, makeDisk, minDiskBytes, type Disk } from '../../lib/host/disk-image.ts';
import { reserveReached, spareBytes } from '../../lib/host/reserve.ts';
import { boundWithin, type Bound, type Space, type Usage } from './snapshotter.ts';

/** The disk counts as full at this number of free inodes: small files may have been removed since it was full. */
const spareInodes = 64;

/** Size of a file system for that many bytes: its inode tables take a sixteenth at most. */
const diskFor = (bytes: number) => Math.ceil(bytes * 1.1) + minDiskBytes;

export const diskIn = (directory: string): Disk => ({
  file: join(directory, 'disk.ext4'),
  place: join(directory, 'disk'),
});

export class BoundedDisk {
  readonly disk: Disk;
  /** Bytes that may be added. */
  readonly limit: number;
  readonly #device: string;
  readonly #empty: Fill;
  readonly #isSparse: boolean;
  /** Set once it is finished, which a commit under a name that is taken repeats. */
  #usage: Usage | undefined;

  private constructor(disk: Disk, limit: number, device: string, empty: Fill, isSparse: boolean) {
    this.disk = disk;
    this.limit = limit;
    this.#device = device;
    this.#empty = empty;
    this.#isSparse = isSparse;
  }

  /** Makes and mounts it in a snapshot's directory. Throws DISK_FULL, HOST_MISSING. */
  static async make(directory: string, bound: Bound): Promise<BoundedDisk> {
    const { isSparse = false } = bound;
    const wanted = { ...bound, bytes: diskFor(bound.bytes) };
    const size = isSparse ? wanted.bytes : boundWithin(wanted, await spareBytes(directory));
    const bytes = Math.floor(size / 4096) * 4096;
    if (bytes < minDiskBytes) throw reserveReached(directory);
    const disk = diskIn(directory);
    await mkdir(disk.place);
    const device = await makeDisk(disk, { bytes, isSparse });
    const empty = await fillOf(disk.place);
    const limit = Math.min(bound.bytes, empty.capacity - empty.used - Math.floor(bytes / spareInodes));
    return new BoundedDisk(disk, limit, device, empty, isSparse);
  }

  /** Throws DISK_FULL where it is sparse and the disk below has no more room for it. */
  async space(): Promise<Space> {
    const below = dirname(this.disk.file);
    if (this.#isSparse && (await spareBytes(below)) <= 0) throw reserveReached(below);
    const { used, freeInodes, inodes } = await fillOf(this.disk.place);
    const bytes = this.limit - (used - this.#empty.used);
    return { bytes, inodes: freeInodes - Math.floor(inodes / spareInodes) };
  }

  /** Unmounts it for good, without what overlayfs has noted for itself. Returns its usage. Throws STORAGE_FAILED, BUSY. */
  async finish(work: string): Promise<Usage> {
    return (this.#usage ??= await this.#finish(work));
  }

  async #finish(work: string): Promise<Usage> {
    const kept = await emptyWork(work);
    const { freeInodes } = await fillOf(this.disk.place);
    await finishDisk(this.disk, this.#device);
    const { blocks } = await stat(this.disk.file);
    return { bytes: blocks * 512, inodes: this.#empty.freeInodes - freeInodes - kept };
  }
}

/**
 * Gives the number of directories that stay. An overlay whose mount another namespace has a copy of lives on, and holds
 * its directories: one that is removed meanwhile would keep the file system from becoming read-only.
 */
async function emptyWork(work: string): Promise<number> {
  const names = await readdir(work);
  for (const name of names)
    for (const inner of await readdir(join(work, name)))
      await rm(join(work, name, inner), { recursive: true });
  return 1 + names.length;
}

interface Fill {
  used: number;
  capacity: number;
  inodes: number;
  freeInodes: number;
}

async function fillOf(place: string): Promise<Fill> {
  const { bsize, blocks, bfree, files, ffree } = await statfs(place);
  return { used: (blocks - bfree) * bsize, capacity: blocks * bsize, inodes: files, freeInodes: ffree };
}
