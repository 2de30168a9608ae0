/** The devices below a pool: Milliner's own loop files, or block devices of the user, each with a label. */
import { constants } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { MillinerError } from '../../../lib/errors/error.ts';
import {
  createDevice,
  deviceInfo,
  deviceTable,
  removeDevice,
  type Target,
} from '../../../lib/host/device-mapper.ts';
import { run } from '../../../lib/host/exec.ts';
import { asStorageError } from '../../../lib/host/files.ts';
import { attachLoop, detachLoop, loopsOf } from '../../../lib/host/loop.ts';
import { labelSectors, readLabel, type Role } from './label.ts';
import { devicePrefix, deviceUuid, sector, type Backing, type PoolConfig } from './pool-config.ts';

/** Exit code of blkid for a device without a known signature (file systems, LVM, RAID, LUKS, partition tables). */
const blkidNothing = 2;

/** Makes a sparse file of that size in bytes, or extends an existing one. */
export async function makeLoopFile(path: string, bytes: number): Promise<Backing> {
  const handle = await open(path, 'a', 0o600);
  try {
    const total = labelSectors * sector + bytes;
    if ((await handle.stat()).size < total) await handle.truncate(total);
    await handle.sync();
  } catch (error) {
    throw asStorageError(error, path);
  } finally {
    await handle.close();
  }
  return { kind: 'loop', path, sectors: Math.floor(bytes / sector) };
}

/** Checks that a device is unused. Throws DEVICE_UNUSABLE with the reason; writes nothing. */
export async function examineDevice(path: string): Promise<Backing> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw unusable(path, 'there is no such device');
  if (!found.isBlockDevice()) throw unusable(path, 'it is not a block device');
  const handle = await open(path, constants.O_RDWR | constants.O_EXCL).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EBUSY') throw unusable(path, 'it is mounted, or another device stands on it');
      if (error.code === 'EROFS' || error.code === 'EACCES') throw unusable(path, 'it is read-only');
      throw unusable(path, `it cannot be opened: ${error.code}`);
    },
  );
  await handle.close();
  // Root can open a read-only device for writing.
  if ((await attributeOf(path, 'ro')) === 1) throw unusable(path, 'it is read-only');
  const label = await readLabel(path);
  if (label) {
    throw new MillinerError('POOL_FOREIGN', `${path} belongs to another pool: ${label.pool}`, {
      details: { path, ...label },
    });
  }
  const probed = await run('blkid', ['-p', path], { allow: [0, blkidNothing, 8] });
  if (probed.exitCode !== blkidNothing) {
    const what = /\b(?:TYPE|PTTYPE)="([^"]+)"/.exec(probed.stdout)?.[1];
    throw unusable(path, `it holds ${what ?? 'several things at once, as blkid sees it'}`, {
      hint: `If nobody needs that, clear the device with wipefs --all ${path}.`,
    });
  }
  return { kind: 'block', path, sectors: await sectorsOf(path) };
}

/** Sectors of the device that the pool can use now: more than before if it has grown. */
export async function sectorsOf(path: string): Promise<number> {
  const size = await attributeOf(path, 'size');
  const usable = size - labelSectors;
  if (usable <= 0) throw unusable(path, `${size * sector} bytes are too few`);
  return usable;
}

async function attributeOf(path: string, name: 'size' | 'ro'): Promise<number> {
  const { rdev } = await stat(path);
  // As gnu_dev_major(3) and gnu_dev_minor(3) decode it.
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return Number(await readFile(`/sys/dev/block/${major}:${minor}/${name}`, 'utf8'));
}

/** Makes the device that the pool uses. Throws POOL_FOREIGN, DEVICE_UNUSABLE. */
export async function attach(config: PoolConfig, role: Role): Promise<{ major: number; minor: number }> {
  const name = backingName(config, role);
  const there = await deviceInfo(name);
  if (there) return there;
  const backing = config[role];
  await requireOwnLabel(config, role);
  const isLoop = backing.kind === 'loop';
  const source = isLoop ? await attachLoop(backing.path) : backing.path;
  const table = backingTable(backing, source);
  try {
    return await createDevice(name, deviceUuid(config, role), table);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EBUSY') throw unusable(backing.path, 'it is mounted, or another device stands on it');
    if (code === 'EINVAL') throw unusable(backing.path, 'it is smaller than it was');
    throw error;
  } finally {
    // The kernel frees the loop device now, or with the last device above it.
    if (isLoop) await detachLoop(source);
  }
}

export async function detach(config: PoolConfig, role: Role): Promise<boolean> {
  return removeDevice(backingName(config, role));
}

export const backingName = (config: PoolConfig, role: Role) => `${devicePrefix(config)}${role}`;

/** The table of the same device with the sectors that the backing has now. */
export async function grownTable(config: PoolConfig, role: Role): Promise<Target[]> {
  const [there] = await deviceTable(backingName(config, role));
  const [source = ''] = there?.params.split(' ') ?? [];
  return backingTable(config[role], source);
}

export async function removeLoopFile(backing: Backing): Promise<void> {
  if (backing.kind !== 'loop') return;
  for (const device of await loopsOf(backing.path)) await detachLoop(device);
  await rm(backing.path, { force: true });
}

/** Makes the loop device read its file's new size. */
export async function refreshLoop(path: string): Promise<void> {
  for (const device of await loopsOf(path)) await run('losetup', ['--set-capacity', device]);
}

function backingTable(backing: Backing, source: string): Target[] {
  return [{ start: 0, length: backing.sectors, type: 'linear', params: `${source} ${labelSectors}` }];
}

/** Throws if the device is missing, belongs to another pool, or is the other of the two devices. */
async function requireOwnLabel(config: PoolConfig, role: Role): Promise<void> {
  const { path } = config[role];
  const label = await readLabel(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw unusable(path, 'it no longer exists');
    throw error;
  });
  if (label?.pool === config.uuid && label.role === role) return;
  const whose = label ? `of pool ${label.pool}, its ${label.role}` : 'of no pool';
  throw new MillinerError('POOL_FOREIGN', `${path} is ${whose}, not the ${role} of ${config.uuid}`, {
    details: { path, pool: config.uuid, role, ...(label && { found: label }) },
  });
}

function unusable(path: string, reason: string, options: { hint?: string } = {}): MillinerError {
  return new MillinerError('DEVICE_UNUSABLE', `${path}: ${reason}`, { ...options, details: { path } });
}
