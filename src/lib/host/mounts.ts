/** The only module that mounts and unmounts, so that each mount is also unmounted. */
import { readFileSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors/error.ts';
import { mountOverlay, mountPlain, type MountSpec } from './mount-spec.ts';
import { native, type NativeError } from './native.ts';

/** From <sys/mount.h>. */
const MS_RDONLY = 0x1;
const MS_REMOUNT = 0x20;
const MNT_DETACH = 0x2;
const UMOUNT_NOFOLLOW = 0x8;

const unmountAttempts = 20;
const unmountPauseMilliseconds = 50;

export type { MountSpec, PlainSpec } from './mount-spec.ts';

/** One line of mountinfo (proc_pid_mountinfo(5)). */
export interface MountedAt {
  id: number;
  /** The file system's device, major:minor in decimal. */
  device: string;
  target: string;
  type: string;
  /** Options of the mount and of its file system. */
  options: string[];
}

/** Mounts spec on an existing directory. Throws NOT_ROOT, HOST_MISSING, or the kernel's own error. */
export async function mount(spec: MountSpec, target: string): Promise<void> {
  try {
    await (spec.type === 'overlay' ? mountOverlay(spec, target) : mountPlain(spec, target));
  } catch (error) {
    throw asMountError(error, spec.type, target);
  }
}

/** Gives errno values with a known cause an error code. */
export function asMountError(error: unknown, type: string, target: string): unknown {
  const { code } = error as NativeError;
  if (code === 'EPERM')
    return new MillinerError('NOT_ROOT', `mounting ${target} needs root`, { cause: error });
  if (code === 'ENODEV') {
    return new MillinerError('HOST_MISSING', `this kernel has no ${type} file system`, { cause: error });
  }
  // With index=on, overlayfs refuses a directory that another mount writes to.
  if (code === 'EBUSY') {
    return new MillinerError('BUSY', `the directory to mount on ${target} is mounted elsewhere`, {
      cause: error,
      details: { target },
    });
  }
  return error;
}

export interface UnmountOptions {
  /** If the mount stays busy: detach it, and the kernel unmounts it when its last user ends. Otherwise BUSY. */
  detach: boolean;
}

/** Unmounts the topmost mount at target; false where nothing is mounted. */
export async function unmount(target: string, options: UnmountOptions): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      await native().unmount(target, UMOUNT_NOFOLLOW);
      return true;
    } catch (error) {
      const { code } = error as NativeError;
      if (code === 'EINVAL' || code === 'ENOENT') return false;
      if (code !== 'EBUSY') throw error;
      // A process that has just ended may hold the mount for some milliseconds.
      if (attempt === unmountAttempts) break;
      await sleep(unmountPauseMilliseconds);
    }
  }
  if (!options.detach) throw inUse(target);
  await native().unmount(target, UMOUNT_NOFOLLOW | MNT_DETACH);
  return true;
}

/** Makes the file system itself read-only, for all its mounts. Throws BUSY while a file is open for writing. */
export async function makeFileSystemReadOnly(target: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await native().mount('', target, '', MS_REMOUNT | MS_RDONLY, '', '/', 0);
    } catch (error) {
      if ((error as NativeError).code !== 'EBUSY') throw error;
      if (attempt === unmountAttempts) throw inUse(target);
      await sleep(unmountPauseMilliseconds);
    }
  }
}

function inUse(target: string): MillinerError {
  return new MillinerError('BUSY', `${target} is in use and cannot be unmounted`, { details: { target } });
}

/** Every mount this process sees, in the order it was mounted. */
export async function listMounts(): Promise<MountedAt[]> {
  // Synchronous: the other way takes 64 KiB at a time, and longer.
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** The file system of a directory with the options of its mounts, and the directory itself: another one has other words. */
export async function describeFileSystem(directory: string): Promise<string> {
  const { dev, ino, birthtimeNs } = await stat(directory, { bigint: true });
  const mounted = (await listMounts()).filter(({ target }) =>
    `${directory}/`.startsWith(target === '/' ? '/' : `${target}/`),
  );
  const { device, type, options } = mounted.toSorted((a, b) => a.target.length - b.target.length).at(-1)!;
  return [dev, ino, birthtimeNs, device, type, ...options].join(' ');
}

/** What is mounted at or below directory, in the order it was mounted; nothing where there is no such directory. */
export async function mountsBelow(directory: string): Promise<MountedAt[]> {
  const root = await realpath(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (root === undefined) return [];
  const inside = root === '/' ? '/' : `${root}/`;
  return (await listMounts()).filter(({ target }) => target === root || target.startsWith(inside));
}

/** Unmounts everything at or below directory, the last mounted first. */
export async function unmountAllBelow(directory: string, options: UnmountOptions): Promise<void> {
  // Repeated for mounts that were hidden below others, or that were added during the first round.
  for (let round = 1; round <= 3; round++) {
    const mounted = await mountsBelow(directory);
    if (mounted.length === 0) return;
    for (const { target } of mounted.toReversed()) await unmount(target, options);
  }
  const [remaining] = await mountsBelow(directory);
  if (remaining)
    throw new MillinerError(
      'BUSY',
      `${remaining.target} is still mounted after three attempts to unmount it`,
    );
}

/** The fields of proc_pid_mountinfo(5) that are of use here. */
export function parseMountinfo(text: string): MountedAt[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [mountPart = '', fileSystemPart = ''] = line.split(' - ');
      const [id, , device = '', , target = '', options = ''] = mountPart.split(' ');
      const [type = '', , superOptions = ''] = fileSystemPart.split(' ');
      return {
        id: Number(id),
        device,
        target: unescapeMountinfo(target),
        type,
        options: [...options.split(','), ...superOptions.split(',')],
      };
    });
}

/** Space, tab, newline and backslash stand as three octal digits. */
function unescapeMountinfo(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
