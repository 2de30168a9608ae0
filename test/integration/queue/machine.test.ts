/** Machines of a queue: their keys, their tokens, and the list of those whose word counts. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  dismissMachine,
  enrolledMachines,
  enrollMachine,
  ownMachine,
  parseToken,
  rights,
  showToken,
} from '../../../src/queue/machine.ts';
import { Machines, type Claim } from '../../../src/queue/sealed.ts';
import { z } from 'zod';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'machines-'));
});
afterAll(() => rm(directory, { recursive: true }));

const stateOf = (role: string) => join(directory, role);
const machines = (role: string) => new Machines(stateOf(role));
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code: string }) => error.code,
  );
const word: Claim<string> = { name: 'word', right: 'submit', schema: z.string() };

test("a machine's key is one, private, and made once by however many ask for it", async () => {
  const state = join(directory, 'fresh');
  const asked = await Promise.all(Array.from({ length: 8 }, () => ownMachine(state)));
  expect(new Set(asked.map(({ machine }) => machine.id)).size).toBe(1);
  expect((await stat(join(state, 'machine/machine.key'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(state, 'machine'))).mode & 0o777).toBe(0o700);
});

test('a token names what it came from; what is none is refused', async () => {
  const { machine } = await ownMachine(stateOf('builder'));
  expect(parseToken(` ${showToken(machine)}\n`)).toEqual({
    name: machine.name,
    publicKey: machine.publicKey,
  });
  for (const text of [
    '',
    'milliner-machine:a',
    `milliner-machine:../a:${machine.publicKey}`,
    'milliner-machine:a:AAAA',
    `${showToken(machine)}:x`,
  ]) {
    expect(() => parseToken(text)).toThrow();
  }
});

test('who is dismissed counts no more; a list that was damaged is no empty one', async () => {
  const state = stateOf('signer');
  const { machine } = await ownMachine(stateOf('desk'));
  await enrollMachine(state, { ...machine, name: 'desk' }, rights);
  const sealed = await machines('desk').seal(word, 'felt');
  expect((await machines('signer').open(word, sealed)).by.name).toBe('desk');
  await dismissMachine(state, 'desk');
  expect(await enrolledMachines(state)).toEqual([]);
  expect(await codeOf(machines('signer').open(word, sealed))).toBe('MACHINE_UNKNOWN');
  expect(await codeOf(dismissMachine(state, 'desk'))).toBe('MACHINE_UNKNOWN');
  const path = join(state, 'machine/enrolled.json');
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, -3));
  expect(await codeOf(machines('signer').open(word, sealed))).toBe('STATE_INVALID');
});
