/**
 * Ranges of ids for instances. Two instances with one range would be one user to the kernel: a process that left its
 * container could signal and trace those of its neighbours, and read their files.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { acquireIfFree } from '../host/locks.ts';
import { guestIds, type IdRange } from './userns.ts';

/** Of one instance: enough for the ids of systemd's dynamic users, home directories and nested containers. */
export const instanceIds = 2 ** 20;

/** One lock file for each range; on a host, and not in a state directory, because states share its ids. */
const place = '/run/milliner/ids';
/** The first range is left to the scriptlets of builds, which use the lowest ids of all. */
const slots = { first: 1, end: Math.floor(guestIds.size / instanceIds) };

/** A range that no other instance on this host has, until it is released or this process ends. Throws BUSY. */
export async function takeIdRange(): Promise<{ ids: IdRange; release: () => Promise<void> }> {
  await mkdir(place, { recursive: true, mode: 0o711 });
  const used = slotsInUse();
  for (let slot = slots.first; slot < slots.end; slot++) {
    // A killed supervisor has released its lock, while its container may go on.
    if (used.has(slot)) continue;
    const handle = await acquireIfFree(join(place, String(slot)));
    if (!handle) continue;
    const ids = { start: guestIds.start + slot * instanceIds, size: instanceIds };
    return { ids, release: () => handle.close() };
  }
  throw new MillinerError('BUSY', `all ${slots.end - slots.first} ranges of ids for instances are in use`);
}

/** Slots whose ids a process may use: user_namespaces(7), uid_map. */
function slotsInUse(): Set<number> {
  const names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return new Set(names.flatMap((pid) => slotsOf(mapOf(pid))));
}

/** Synchronous: the other way takes 64 KiB for each of these files, and longer. */
function mapOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/uid_map`, 'utf8');
  } catch {
    // It has ended.
    return '';
  }
}

/** Slots of the lines `inside outside count` of a uid_map; a map of more than an instance's size is of no instance. */
export function slotsOf(map: string): number[] {
  return map.split('\n').flatMap((line) => {
    const [, outside = NaN, count = NaN] = line.trim().split(/\s+/).map(Number);
    const slot = Math.floor((outside - guestIds.start) / instanceIds);
    return count <= instanceIds && slot >= slots.first ? [slot] : [];
  });
}
