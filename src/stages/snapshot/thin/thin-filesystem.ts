/** File systems of snapshots: one empty file system is made once, as the origin of all. */
import { chmod, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../../lib/errors/error.ts';
import type { Device } from '../../../lib/host/device-mapper.ts';
import { run } from '../../../lib/host/exec.ts';
import { mount, unmount, type PlainSpec } from '../../../lib/host/mounts.ts';
import type { Usage } from '../snapshotter.ts';
import type { FileSystem } from './pool-config.ts';

interface Kind {
  program: string;
  package: string;
  arguments: readonly string[];
  options: readonly string[];
}

/**
 * ext4 without a journal. A snapshot is either committed after a clean unmount, or discarded, so a journal would
 * protect nothing, and each snapshot would write one. noinit_itable: a new thin device reads as zeros, so the kernel
 * thread that zeroes inode tables would only use space. XFS always has a journal; nouuid, because it refuses to mount
 * two file systems with one UUID.
 */
const kinds: Record<FileSystem, Kind> = {
  ext4: {
    program: 'mke2fs',
    package: 'e2fsprogs',
    arguments:
      '-q -t ext4 -O ^has_journal -m 0 -e remount-ro -E nodiscard,lazy_itable_init=1,root_owner=0:0'.split(
        ' ',
      ),
    options: ['noinit_itable', 'discard'],
  },
  xfs: { program: 'mkfs.xfs', package: 'xfsprogs', arguments: ['-q', '-K'], options: ['nouuid', 'discard'] },
};

/** Returns the usage of an empty one. Throws HOST_MISSING if the mkfs program is not installed. */
export async function makeFileSystem(kind: FileSystem, device: Device, place: string): Promise<Usage> {
  const { program, arguments: args, package: name } = kinds[kind];
  await run(program, [...args, device.path]).catch((error: unknown) => {
    if (!(error instanceof MillinerError) || error.code !== 'HOST_MISSING') throw error;
    throw new MillinerError('HOST_MISSING', error.message, {
      hint: `Install the package ${name}.`,
      cause: error,
    });
  });
  await mount(mountSpec(kind, device, false), place);
  try {
    await rm(join(place, 'lost+found'), { recursive: true, force: true });
    await chmod(place, 0o755);
    return await fillOf(place);
  } finally {
    await unmount(place, { detach: false });
  }
}

/** Usage of a mounted file system. */
export async function fillOf(root: string): Promise<Usage> {
  const { bsize, blocks, bfree, files, ffree } = await statfs(root);
  return { bytes: (blocks - bfree) * bsize, inodes: files - ffree };
}

export function mountSpec(kind: FileSystem, { path }: Device, readonly: boolean): PlainSpec {
  const options = kinds[kind].options.filter((option) => !readonly || option !== 'discard');
  return { type: kind, source: path, readonly, options };
}

/** Whether a write to it has failed. XFS shuts down after the first error, and then every call fails. */
export async function hasFailed(kind: FileSystem, { minor }: Device): Promise<boolean> {
  if (kind !== 'ext4') return false;
  return Number(await readFile(`/sys/fs/ext4/dm-${minor}/errors_count`, 'utf8')) > 0;
}
