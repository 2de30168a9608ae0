/** Power that goes for good: a machine with its state and pool on a disk of its own is cut off, and started again. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { cache } from '../../helpers/demo-recipes.ts';
import { splitMebibytes } from '../../integration/snapshot/thin/split.ts';
import { startMachine } from './machine.ts';

const program = join(import.meta.dirname, '../../integration/snapshot/thin/survivor.ts');

/** Lines of notes until the power went; `after` milliseconds of work. */
async function work(
  disk: string,
  action: string,
  notes: string[],
  after: number | undefined,
): Promise<string[]> {
  const lines: string[] = [];
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const machine = await startMachine({
    command: [process.execPath, program, action, JSON.stringify(notes)],
    disks: [disk],
    onLine: (line) => {
      if (line === 'working') begin();
      lines.push(line);
    },
  });
  if (after !== undefined) {
    await Promise.race([begun, machine.ended]);
    await sleep(after);
    machine.powerOff();
  }
  const { exitCode, output, console } = await machine.ended;
  expect(exitCode, `${output}\n${console}`).toBe(after === undefined ? 0 : undefined);
  return lines.filter((line) => /^[+-]tree-/.test(line));
}

/** What was committed is whole each time. */
export async function surviveLossOfPower(times: number): Promise<void> {
  const place = await mkdtemp(join(cache, 'vm-poweroff-'));
  const disk = join(place, 'disk');
  try {
    await writeFile(disk, '');
    await truncate(disk, splitMebibytes * 1024 ** 2);
    let notes = await work(disk, 'begin', [], 4000 + Math.random() * 4000);
    expect(notes.length).toBeGreaterThan(0);
    for (let time = 1; time < times; time++) {
      notes = [...notes, ...(await work(disk, 'go on', notes, 4000 + Math.random() * 4000))];
    }
    await work(disk, 'look', notes, undefined);
    expect(execFileSync('stat', ['-c', '%s', disk], { encoding: 'utf8' }).trim()).toBe(
      String(splitMebibytes * 1024 ** 2),
    );
  } finally {
    await rm(place, { recursive: true });
  }
}
