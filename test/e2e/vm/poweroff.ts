/** Power that goes for good: a machine with its state and pool on a disk of its own is cut off, and started again. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cache } from '../../helpers/demo-recipes.ts';
import { splitMebibytes } from '../../integration/snapshot/thin/split.ts';
import { startMachine } from './machine.ts';

const times = process.env['MILLINER_SOAK'] ? 5 : 1;
const program = join(import.meta.dirname, '../../integration/snapshot/thin/survivor.ts');

let place: string;
let disk: string;
beforeAll(async () => {
  place = await mkdtemp(join(cache, 'vm-poweroff-'));
  disk = join(place, 'disk');
  await writeFile(disk, '');
  await truncate(disk, splitMebibytes * 1024 ** 2);
});
afterAll(() => rm(place, { recursive: true }));

/** Lines of notes until the power went; `after` milliseconds of work. */
async function work(action: string, notes: string[], after: number | undefined): Promise<string[]> {
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

test(`${times} times without power: what was committed is whole each time`, async () => {
  let notes = await work('begin', [], 4000 + Math.random() * 4000);
  expect(notes.length).toBeGreaterThan(0);
  for (let time = 1; time < times; time++) {
    notes = [...notes, ...(await work('go on', notes, 4000 + Math.random() * 4000))];
  }
  await work('look', notes, undefined);
  expect(execFileSync('stat', ['-c', '%s', disk], { encoding: 'utf8' }).trim()).toBe(
    String(splitMebibytes * 1024 ** 2),
  );
}, 3_600_000);
