/**
 * /dev and /sys of the target while programs run in it, with the defaults of the OCI runtime specification
 * (config-linux.md, "Default Devices", "Default Filesystems"). They are on a disk image of their own in the build's
 * directory. So what a scriptlet leaves there is not part of the image, and cannot fill the host's disk.
 */
import { chmod, lchown, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { mountOf, sharedMemory, terminals, type Bind } from '../../lib/container/runtime-spec.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { makeDisk } from '../../lib/host/disk-image.ts';
import { native } from '../../lib/host/native.ts';

const S_IFCHR = 0o020000;
const devices: [string, number, number][] = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  // A container has no terminal here: opening it fails with ENXIO.
  ['tty', 5, 0],
];
const links: [string, string][] = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
];

/**
 * The directories that every kernel has in sysfs. A real sysfs would show each build another host, and rpm could not
 * set the packages' attributes: a read-only one refuses them, and a writable one is the host's.
 */
const sysfs = ['block', 'bus', 'class', 'dev', 'devices', 'firmware', 'fs', 'kernel', 'module', 'power'];

/** The host counts pseudo-terminals. */
const maxTerminals = 64;

/** Bytes that packages and scriptlets may write there. */
const diskBytes = 8 * 1024 * 1024;

/** Parent of `dev` and `sys`. */
export const placesIn = (directory: string): string => join(directory, 'places');

/**
 * The mounts, in this order; content of an earlier run stays. Unmount everything below before removing the directory.
 * @param ids whose root owns all files there
 */
export async function placesOf(
  directory: string,
  ids: IdRange | undefined,
): Promise<{ binds: Bind[]; mounts: object[] }> {
  const place = placesIn(directory);
  const [dev, sys] = [join(place, 'dev'), join(place, 'sys')];
  const root = ids?.start ?? 0;
  if (await mkdir(place, { recursive: true, mode: 0o700 })) {
    await makeDisk({ file: join(directory, 'places.ext4'), place }, { bytes: diskBytes });
    await mkdir(dev, { mode: 0o755 });
    await fillDevices(dev, root);
    await mkdir(sys, { mode: 0o555 });
    for (const name of sysfs) await mkdir(join(sys, name), { mode: 0o755 });
    for (const name of ['', ...sysfs]) await lchown(join(sys, name), root, root);
  }
  return {
    binds: [
      { source: dev, target: '/target/dev', writable: true, devices: true },
      { source: sys, target: '/target/sys', writable: true },
    ],
    mounts: [
      mountOf('devpts', 'devpts', '/target/dev/pts', [...terminals.options, `max=${maxTerminals}`]),
      mountOf('tmpfs', 'shm', '/target/dev/shm', sharedMemory),
    ],
  };
}

/** Without /dev/null in the target, programs of an installation would make a regular file of that name. */
async function fillDevices(dev: string, root: number): Promise<void> {
  for (const [name, major, minor] of devices) {
    await native().mknod(Buffer.from(join(dev, name)), S_IFCHR | 0o666, major, minor);
  }
  for (const [name, target] of links) await symlink(target, join(dev, name));
  for (const name of ['pts', 'shm']) await mkdir(join(dev, name));
  for (const name of ['', ...(await readdir(dev))]) await lchown(join(dev, name), root, root);
  await chmod(join(dev, 'shm'), 0o1777);
}
