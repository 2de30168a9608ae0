/**
 * Each systemd uses instances of inotify(7), which the kernel counts for root over all containers:
 * fs.inotify.max_user_instances, 128 by default. Without this check, reaching that limit looks like a fault of the
 * image.
 */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { isGuest } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';

/** Measured with demo-product: five for systemd, one for its D-Bus. */
const perSystemd = 6;
const limitFile = '/proc/sys/fs/inotify/max_user_instances';

/** How many more systemds root can start; the limit and its usage. */
export async function inotifyRoom(): Promise<{ systemds: number; limit: number; used: number }> {
  const limit = Number((await readFile(limitFile, 'utf8')).trim());
  const used = await usedByRoot();
  return { systemds: Math.max(0, Math.floor((limit - used) / perSystemd)), limit, used };
}

/** Throws HOST_MISSING if that many systemds cannot be started in addition to the running ones. */
export async function checkInotify(systemds: number): Promise<void> {
  const room = await inotifyRoom();
  if (systemds <= room.systemds) return;
  const message = `${systemds} systemds need ${systemds * perSystemd} inotify instances: of ${room.limit} that root may have, ${room.used} are used`;
  throw new MillinerError('HOST_MISSING', message, {
    hint: raise,
    details: { limit: room.limit, used: room.used, needed: systemds * perSystemd },
  });
}

export const raise =
  'Raise the limit with sysctl -w fs.inotify.max_user_instances=8192, and keep it in /etc/sysctl.d.';

async function usedByRoot(): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const counts = await Promise.all(pids.map(usedBy));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** A process may end at any time, and then it counts as 0. */
async function usedBy(pid: string): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const uid = Number(/^Uid:\t(\d+)\t/m.exec(status)?.[1]);
    // In a user namespace, instances of every user count for the user who made the namespace (kernel/ucount.c).
    if (uid !== 0 && !isGuest(uid)) return 0;
    const fds = await readdir(`/proc/${pid}/fd`);
    const targets = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    return targets.filter((target) => target === 'anon_inode:inotify').length;
  } catch {
    return 0;
  }
}
