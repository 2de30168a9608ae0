/** What a command's processes take at their peak, those of rpm left out. */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';

const interval = 50;

/**
 * Bytes of the pages that all of its processes have, what they share counted once (proc_pid_smaps(5), Pss); sampled until
 * it has ended.
 */
export async function peakMemory(child: ChildProcess, allow: readonly number[] = [0]): Promise<number> {
  const ended = once(child, 'exit');
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBelow(child.pid!));
  }, interval);
  const [code] = (await ended) as [number | null];
  clearInterval(timer);
  if (code === null || !allow.includes(code))
    throw new Error(`a command whose memory was measured ended with ${code}`);
  return peak;
}

function residentBelow(root: number): number {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map<number, number>();
  for (const name of processes) {
    const status = read(`/proc/${name}/status`);
    const field = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    // Scriptlets are rpm's as well: what runs inside the container is not ours.
    if (/^Name:\s+rpm$/m.test(status)) continue;
    parents.set(Number(name), field('PPid'));
  }
  const isBelow = (pid: number): boolean => pid === root || (parents.has(pid) && isBelow(parents.get(pid)!));
  const sizes = [...parents.keys()].filter(isBelow).map((pid) => {
    const shares = /^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`));
    return Number(shares?.[1] ?? 0) * 1024;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}
