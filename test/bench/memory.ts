/** What a command's processes take at their peak, those of rpm left out. */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';

const interval = 20;

/** Bytes of the pages that each process has to itself or shares, tmpfs pages included; sampled until it has ended. */
export async function peakMemory(child: ChildProcess): Promise<number> {
  const ended = once(child, 'exit');
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBelow(child.pid!));
  }, interval);
  const [code] = (await ended) as [number | null];
  clearInterval(timer);
  if (code !== 0) throw new Error(`a command whose memory was measured ended with ${code}`);
  return peak;
}

function residentBelow(root: number): number {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map<number, number>();
  const sizes = new Map<number, number>();
  for (const name of processes) {
    const status = read(`/proc/${name}/status`);
    const field = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    // Scriptlets are rpm's as well: what runs inside the container is not ours.
    if (/^Name:\s+rpm$/m.test(status)) continue;
    parents.set(Number(name), field('PPid'));
    sizes.set(Number(name), field('VmRSS') * 1024);
  }
  const isBelow = (pid: number): boolean => pid === root || (parents.has(pid) && isBelow(parents.get(pid)!));
  return [...sizes].reduce((sum, [pid, size]) => (isBelow(pid) ? sum + size : sum), 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}
