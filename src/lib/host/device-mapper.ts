/**
 * The only module that creates or changes device-mapper devices (Documentation/admin-guide/device-mapper). It checks
 * arguments before libdevmapper sees them. Errors carry the kernel's errno.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { statSync } from 'node:fs';
import { MillinerError } from '../errors/error.ts';
import { native, type NativeError } from './native.ts';

/** One line of a table: sectors of 512 bytes, the target's type, and the target's parameters. */
export interface Target {
  start: number;
  length: number;
  type: string;
  params: string;
}

export interface Device {
  name: string;
  /** Path of the device node. The kernel makes it, with udev and without. */
  path: string;
  major: number;
  minor: number;
}

export interface DeviceInfo extends Device {
  uuid: string;
  /** Number of mounts, open files and devices on top of it. */
  openCount: number;
  suspended: boolean;
  readOnly: boolean;
  /** The kernel removes it when its last user closes it. */
  deferredRemove: boolean;
}

/** DM_NAME_LEN and DM_UUID_LEN with their terminating zero. */
const nameLimit = 127;
const uuidLimit = 128;
const removeAttempts = 20;
const removePauseMilliseconds = 25;

/** Creates, loads and starts a device; a failure leaves none. The kernel answers EBUSY where the name or uuid is taken. */
export async function createDevice(
  name: string,
  uuid: string,
  table: readonly Target[],
  { readOnly = false }: { readOnly?: boolean } = {},
): Promise<Device> {
  checkName(name);
  demand(/^[\x21-\x7e]+$/.test(uuid) && uuid.length <= uuidLimit, `device uuid '${uuid}'`);
  const create = () => explained(() => native().dmCreate(name, uuid, checkTable(table), readOnly));
  const made = await create().catch(async (error: NativeError) => {
    if (error.code !== 'EBUSY' || !(await removeShell(name))) throw error;
    return create();
  });
  if (!made.exists) throw new MillinerError('INTERNAL', `device-mapper made ${name}, but it is not there`);
  return withNode(name, made.major, made.minor);
}

/**
 * Removes a device that has no table, because its maker was killed before it loaded one. False for any other device.
 */
async function removeShell(name: string): Promise<boolean> {
  const found = await native().dmInfo(name);
  return found.exists && !found.live && removeDevice(name);
}

/** Replaces the table of an active device; I/O waits until that is done. */
export async function replaceTable(name: string, table: readonly Target[]): Promise<void> {
  checkName(name);
  await explained(() => native().dmReload(name, checkTable(table)));
  // A resume alone swaps the tables, but a pool refuses to grow with I/O under way.
  await whileSuspended(name, async () => {});
}

/** Runs fn while the device is suspended and its mounted file system flushed and frozen. Always resumes it. */
export async function whileSuspended<T>(name: string, fn: () => Promise<T>): Promise<T> {
  checkName(name);
  await explained(() => native().dmSuspend(name, true));
  try {
    return await fn();
  } finally {
    await native().dmResume(name);
  }
}

/** Resumes a device that a killed process left suspended. Call it only when no living process can have suspended it. */
export async function resumeDevice(name: string): Promise<void> {
  checkName(name);
  if ((await deviceInfo(name))?.suspended) await native().dmResume(name);
}

/** A target's message (thin-provisioning.rst and the like); the kernel's errno comes through. */
export async function sendMessage(name: string, message: string): Promise<void> {
  checkName(name);
  demand(/^[\x20-\x7e]+$/.test(message), `message '${message}'`);
  await native().dmMessage(name, message);
}

/**
 * Removes a device; one that does not exist counts as removed. A device that was just closed, or that udev or another
 * scanner has open, is tried again for a moment. If it stays busy, the kernel removes it with its last user, and the
 * result is false.
 */
export async function removeDevice(name: string): Promise<boolean> {
  checkName(name);
  for (let attempt = 1; attempt <= removeAttempts; attempt++) {
    if (await tryRemove(name, false)) return true;
    await sleep(removePauseMilliseconds);
  }
  if (!(await tryRemove(name, true))) return false;
  return (await deviceInfo(name)) === undefined;
}

async function tryRemove(name: string, deferred: boolean): Promise<boolean> {
  try {
    await explained(() => native().dmRemove(name, deferred));
    return true;
  } catch (error) {
    const { code } = error as NativeError;
    if (code === 'ENXIO') return true;
    if (code === 'EBUSY') return false;
    throw error;
  }
}

/** Undefined where there is no such device, or only one without a table. */
export async function deviceInfo(name: string): Promise<DeviceInfo | undefined> {
  checkName(name);
  const found = await explained(() => native().dmInfo(name));
  if (!found.exists || !found.live) return undefined;
  const { exists: _, live: __, ...info } = found;
  return { ...info, ...(await withNode(name, info.major, info.minor)) };
}

/** The status line of each target, without a commit of its metadata. */
export async function deviceStatus(name: string): Promise<Target[]> {
  checkName(name);
  return explained(() => native().dmStatus(name));
}

export async function deviceTable(name: string): Promise<Target[]> {
  checkName(name);
  return explained(() => native().dmTable(name));
}

/** The names of all devices that begin so. */
export async function listDevices(prefix: string): Promise<string[]> {
  return (await explained(() => native().dmList())).filter((name) => name.startsWith(prefix));
}

/** The version of a target, whose module the kernel loads for that. Throws HOST_MISSING, NOT_ROOT. */
export async function targetVersion(target: string): Promise<string> {
  try {
    return (await explained(() => native().dmTargetVersion(target))).join('.');
  } catch (error) {
    const { code } = error as NativeError;
    if (code !== 'EINVAL' && code !== 'ENOENT' && code !== 'ENXIO') throw error;
    throw new MillinerError('HOST_MISSING', `this kernel has no device-mapper target ${target}`, {
      hint: `Load its module with modprobe dm-${target}. If there is none, install the kernel package that has it, or use overlay snapshots.`,
      cause: error,
      details: { target },
    });
  }
}

/** The node that devtmpfs made. In a container with a /dev of its own there is none, so it is made here. */
async function withNode(name: string, major: number, minor: number): Promise<Device> {
  const path = `/dev/dm-${minor}`;
  const device = { name, path, major, minor };
  // Synchronous, because stat of devtmpfs answers from memory, and the thread pool takes longer than that.
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && found.isBlockDevice() && found.rdev === deviceNumber(major, minor)) return device;
  if (found) throw new MillinerError('HOST_MISSING', `${path} is not the device of that name`);
  await native()
    .mknod(Buffer.from(path), S_IFBLK | 0o600, major, minor)
    .catch((error: NativeError) => {
      if (error.code !== 'EEXIST') throw error;
    });
  return device;
}

const S_IFBLK = 0o060000;

/** As glibc's makedev(3) puts it together. */
function deviceNumber(major: number, minor: number): number {
  return (minor & ~0xff) * 2 ** 12 + ((major & 0xfff) << 8) + (minor & 0xff);
}

/** Turns errors that come from the host's setup, not from the call, into HOST_MISSING and NOT_ROOT. */
async function explained<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { code } = error as NativeError;
    if (code === 'EPERM' || code === 'EACCES') {
      throw new MillinerError('NOT_ROOT', 'device-mapper needs root', { cause: error });
    }
    if (code === 'ENODEV' || code === 'ENOENT' || code === 'ENOTTY') {
      throw new MillinerError('HOST_MISSING', 'this host has no device-mapper (/dev/mapper/control)', {
        hint: 'Load its module with modprobe dm-mod. In a container, share the /dev of the host.',
        cause: error,
      });
    }
    throw error;
  }
}

function checkName(name: string): void {
  demand(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/.test(name) && name.length <= nameLimit, `device name '${name}'`);
}

function checkTable(table: readonly Target[]): readonly Target[] {
  demand(table.length > 0, 'a table without lines');
  for (const { start, length, type, params } of table) {
    const isRange = Number.isSafeInteger(start) && start >= 0 && Number.isSafeInteger(length) && length > 0;
    demand(isRange, `table range ${start} ${length}`);
    demand(/^[a-z][a-z0-9-]{0,14}$/.test(type), `target '${type}'`);
    demand(/^[\x20-\x7e]*$/.test(params), `target parameters '${params}'`);
  }
  return table;
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new MillinerError('INTERNAL', `device-mapper cannot take ${what}`);
}
