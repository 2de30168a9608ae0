/** The real command line as the process of a night: its answer, its errors, and its end with the worker. */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { startCommand } from '../../../src/lib/host/exec.ts';
import type { NightClaim } from '../../../src/queue/night-claims.ts';
import { runNightProcess } from '../../../src/queue/night-process.ts';
import { checkout, cli, Desk } from '../../helpers/milliner.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  await desk.tiny('small', ['tiny-base']);
});
afterAll(() => desk.remove());

const lines: string[] = [];
const stop = new AbortController();
const program = join(checkout, 'test/helpers/night-dry-run.ts');
async function run(set: string, content: object, signal = stop.signal) {
  const path = desk.path('recipes', `${set}.yaml`);
  await writeFile(path, JSON.stringify(content));
  const night: NightClaim = { version: 1, at: Date.now(), set, path, plainHttp: false };
  const options = { state: desk.state, storage: 'overlay' as const, allowHostRoot: undefined, program };
  return runNightProcess(night, { ...options, onLine: (line) => lines.push(line) }, signal);
}

test('its answer and its lines', async () => {
  const { exitCode, answer } = await run('good', { name: 'good', key: 'none.key', recipes: ['small'] });
  expect(exitCode).toBe(0);
  expect(answer).toMatchObject({ set: 'good', failed: [] });
  expect(lines.length).toBeGreaterThan(0);
});

test('its error', async () => {
  await expect(run('bad', { name: 'bad' })).rejects.toMatchObject({ code: 'SET_INVALID' });
});

test('a signal that has come before, or comes while it runs', async () => {
  const set = { name: 'good', key: 'none.key', recipes: ['small'] };
  const over = new AbortController();
  const running = run('good', set, over.signal);
  setTimeout(() => over.abort(), 300);
  await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await expect(run('good', set, AbortSignal.abort('lost'))).rejects.toBe('lost');
});

test('a night ends with the process that has started it', async () => {
  const asked = Promise.withResolvers<void>();
  // It never answers.
  const server = createServer(() => asked.resolve());
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const { key } = await tinyPackages();
  const repos = [{ name: 'silent', baseurl: `http://127.0.0.1:${port}/`, keys: [key] }];
  await desk.recipe('silent', { repos, packages: ['tiny-base'] });
  const path = desk.path('recipes', 'ends.yaml');
  await writeFile(path, JSON.stringify({ name: 'ends', key: 'none.key', recipes: ['silent'] }));
  const child = startCommand(cli, ['nightly', path, '--dry-run', '--state', desk.state, '--json']);
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  await Promise.race([asked.promise, ended]);
  child.disconnect();
  expect(await ended).toBe(new MillinerError('INTERRUPTED', '').exitCode);
  server.closeAllConnections();
  server.close();
});
