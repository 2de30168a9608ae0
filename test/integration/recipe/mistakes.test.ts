/**
 * Mistakes that people make in files, each with the whole message that they get. A folder of mistakes/ has the files, in
 * `args` the command if that is another than `recipe check shop.yaml`, and in `expected` what stands on stderr.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorTable, exitCodes, type ErrorCode } from '../../../src/lib/errors/error.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';

useOneProcess();

const folder = join(import.meta.dirname, 'mistakes');
const mistakes = readdirSync(folder);
let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  cpSync(folder, desk.path('mistakes'), { recursive: true });
  for (const name of mistakes) mkdirSync(desk.path('mistakes', name), { recursive: true });
});
afterAll(() => desk.remove());

function argsOf(name: string): string[] {
  const file = join(folder, name, 'args');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ') : ['recipe', 'check', 'shop.yaml'];
}

test('there are mistakes enough', () => {
  expect(mistakes.length).toBeGreaterThanOrEqual(40);
});

test.each(mistakes)('%s', async (name) => {
  const cwd = desk.path('mistakes', name);
  const { code, stdout, stderr } = await desk.run(argsOf(name), { cwd });
  expect(stderr).toBe(readFileSync(join(folder, name, 'expected'), 'utf8'));
  expect(stdout).toBe('');
  const [errorCode] = stderr.split(':');
  expect(code).toBe(exitCodes[errorTable[errorCode as ErrorCode].kind]);
  expect(stderr).not.toMatch(/Invalid input|undefined|\[object|ENOENT/);
  // Frames fit; hints are wrapped by the terminal.
  const frames = stderr.split('\n').filter((line) => /^ *(?:\d+ )?[|=-]/.test(line));
  expect(frames.filter((line) => line.length > 80)).toEqual([]);
});

test('none leaves anything behind, and --json has the place of the first', async () => {
  expect(existsSync(desk.state)).toBe(false);
  const error = await desk.fails(['recipe', 'check', 'shop.yaml'], {
    cwd: desk.path('mistakes/unknown-key'),
  });
  const file = desk.path('mistakes/unknown-key/shop.yaml');
  expect(error).toMatchObject({ exit: 3, file, line: 3, column: 1, suggestion: 'packages' });
});
