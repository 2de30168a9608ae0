/** What a command uses, told so that other work on the machine and threads of the kernel cannot hide any of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { ProcessorGroup } from './processor-group.ts';

export interface Usage {
  /** Seconds. */
  wall: number;
  /** Core-seconds of its whole process tree, containers included. */
  processor: number;
  /**
   * Core-seconds of the machine meanwhile. The kernel's own threads, such as those of loop devices and of writeback, are
   * in this figure alone; so is what others do on a busy machine.
   */
  machine: number;
}

/** Ticks a second in /proc/stat (proc(5)), the same on all architectures of Linux. */
const ticks = 100;
const maxMessageLength = 4000;

/** Throws with what the command said last, where it ends with another code than these. */
export async function usageOf(command: readonly string[], allowed: readonly number[] = [0]): Promise<Usage> {
  const group = await ProcessorGroup.make();
  try {
    const busy = busySeconds();
    const begun = performance.now();
    const [program, ...options] = group.within(command);
    const child = spawn(program!, options, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-maxMessageLength);
    });
    const [code] = (await once(child, 'close')) as [number | null];
    const wall = (performance.now() - begun) / 1000;
    if (code === null || !allowed.includes(code))
      throw new Error(`${command.slice(0, 3).join(' ')} ended with ${code}: ${said}`);
    return { wall, processor: group.seconds(), machine: busySeconds() - busy };
  } finally {
    await group.remove();
  }
}

/** A script of bash, of which each part must end well, and its parameters. */
export const script = (text: string, ...parameters: string[]): string[] => [
  'bash',
  '-euo',
  'pipefail',
  '-c',
  text,
  '-',
  ...parameters,
];

/** Of all processors since the start: everything but idle and iowait. */
export function busySeconds(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0]!;
  const [user, nice, system, , , interrupts, soft] = line.split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + interrupts! + soft!) / ticks;
}
