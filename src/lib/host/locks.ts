/**
 * Locks between processes: flock(2), which the kernel releases when the holder dies, however it dies.
 * A lock belongs to an open file, so two holders in one process exclude each other as two processes do.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, readlink, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors/error.ts';
import { statIfThere } from './files.ts';
import { listMounts } from './mounts.ts';
import { native } from './native.ts';

export type LockMode = 'shared' | 'exclusive';

export interface LockOptions {
  /** Whether to wait for the holder. By default a held lock is BUSY at once. */
  wait?: boolean;
  signal?: AbortSignal | undefined;
  /** Called once with who holds the lock, when a wait begins. */
  onWait?: (holder: string) => void;
}

const pollMilliseconds = 50;

/** Runs fn while holding the lock file at path (made if absent, and never removed); BUSY names the holder. */
export async function withLock<T>(
  path: string,
  mode: LockMode,
  fn: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const handle = await acquire(path, mode, options);
  try {
    return await fn();
  } finally {
    await handle.close();
  }
}

/** Takes the lock; closing the returned handle releases it. */
export async function acquire(path: string, mode: LockMode, options: LockOptions = {}): Promise<FileHandle> {
  const handle = await open(path, 'a', 0o644);
  try {
    let isReported = false;
    while (!(await native().flock(handle.fd, mode))) {
      if (!options.wait) throw await busy(path, handle);
      if (!isReported) options.onWait?.(await holdersOf(handle));
      isReported = true;
      await sleep(pollMilliseconds, undefined, { signal: options.signal });
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw options.signal?.aborted ? interrupted(path, error) : error;
  }
}

/** As acquire, but undefined where another holds it. */
export async function acquireIfFree(path: string): Promise<FileHandle | undefined> {
  const handle = await open(path, 'a', 0o644);
  const isFree = await native()
    .flock(handle.fd, 'exclusive')
    .catch(async (error: unknown) => {
      await handle.close();
      throw error;
    });
  if (isFree) return handle;
  await handle.close();
  return undefined;
}

/**
 * Makes a file of a random name that is locked while the returned handle is open. takeAbandoned can so tell whether the
 * maker of a file still lives.
 */
export async function createOwned(directory: string): Promise<{ path: string; handle: FileHandle }> {
  for (;;) {
    const path = join(directory, randomBytes(8).toString('hex'));
    const handle = await open(path, 'wx+', 0o644);
    const locked = await native().flock(handle.fd, 'exclusive');
    // Another process may have removed the file as abandoned before this one got the lock.
    if (locked && (await handle.stat()).nlink > 0) return { path, handle };
    await handle.close();
  }
}

/** Removes a file of createOwned whose maker has died, after undo. False if the maker lives or the file is gone. */
export async function takeAbandoned(
  path: string,
  undo: () => Promise<void> = async () => {},
): Promise<boolean> {
  const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!handle) return false;
  try {
    const free = await native().flock(handle.fd, 'exclusive');
    if (!free || !(await isStillAt(path, handle))) return false;
    await undo();
    await rm(path, { force: true });
    return true;
  } finally {
    await handle.close();
  }
}

/**
 * Opens a file of a fixed name that only one process at a time fills, and holds its lock while the returned handle is
 * open. A file that a dead writer left is taken over. After a rename the next writer begins with a new file.
 */
export async function openTemporary(path: string, mode: number): Promise<FileHandle> {
  for (;;) {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, mode);
    try {
      while (!(await native().flock(handle.fd, 'exclusive'))) await sleep(pollMilliseconds);
      if (await isStillAt(path, handle)) {
        await handle.truncate(0);
        return handle;
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
  }
}

async function isStillAt(path: string, handle: FileHandle): Promise<boolean> {
  const [there, own] = await Promise.all([statIfThere(path), handle.stat()]);
  return there !== undefined && there.ino === own.ino && there.dev === own.dev;
}

async function busy(path: string, handle: FileHandle): Promise<MillinerError> {
  const holder = await holdersOf(handle);
  return new MillinerError('BUSY', `${path} is held by ${holder}`, { details: { path, holder } });
}

function interrupted(path: string, cause: unknown): MillinerError {
  return new MillinerError('INTERRUPTED', `stopped while waiting for ${path}`, { cause });
}

/** The kernel's list of lock holders (proc_locks(5)): a process number in a file could be out of date. */
async function holdersOf(handle: FileHandle): Promise<string> {
  const device = await deviceOf(handle);
  const { ino } = await handle.stat({ bigint: true });
  const pids = new Set<string>();
  for (const line of (await readFile('/proc/locks', 'utf8')).split('\n')) {
    const holder = /^\d+: FLOCK +ADVISORY +(?:READ|WRITE) (\d+) (\S+):(\d+) /.exec(line);
    if (holder?.[1] && holder[2] === device && holder[3] === String(ino)) pids.add(holder[1]);
  }
  const names = await Promise.all([...pids].map(describeProcess));
  return names.join(', ') || 'a process that is not visible here';
}

/** The superblock's device as /proc/locks writes it; st_dev differs from it on btrfs. */
async function deviceOf(handle: FileHandle): Promise<string | undefined> {
  const mountId = /^mnt_id:\s*(\d+)$/m.exec(await readFile(`/proc/self/fdinfo/${handle.fd}`, 'utf8'))?.[1];
  const mounted = (await listMounts()).find(({ id }) => id === Number(mountId));
  return mounted?.device
    .split(':')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join(':');
}

async function describeProcess(pid: string): Promise<string> {
  if (Number(pid) === process.pid) return `this process (${pid})`;
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const command = line.replaceAll('\0', ' ').trim() || (await readlink(`/proc/${pid}/exe`).catch(() => '?'));
  return `process ${pid} (${command.slice(0, 200)})`;
}
