import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import { acquire, createOwned, takeAbandoned, withLock } from '../../../src/lib/host/locks.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-locks-'));
  path = join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true }));

const hold = `
  const { acquire, createOwned } = await import(${JSON.stringify(new URL('../../../src/lib/host/locks.ts', import.meta.url).href)});
  const [action, path] = process.argv.slice(1);
  const held = action === 'own' ? await createOwned(path) : await acquire(path, action);
  process.stdout.write('held\\n');
  setInterval(() => held, 1000);
`;

/** A process that holds the lock, or owns a new file in the directory, until it is killed. */
async function holder(action: string, target: string) {
  const child = start(process.execPath, ['--input-type=module', '-e', hold, action, target]);
  await once(child.stdout, 'data');
  const kill = async () => {
    child.kill('SIGKILL');
    await child;
  };
  return { pid: child.pid, kill };
}

test('one exclusive holder; the other is told who it is', async () => {
  const child = await holder('exclusive', path);
  for (const mode of ['shared', 'exclusive'] as const) {
    const refused = acquire(path, mode);
    await expect(refused).rejects.toMatchObject({ code: 'BUSY', details: { path } });
    await expect(refused).rejects.toThrow(`process ${child.pid} (`);
  }
  await child.kill();
  expect(await withLock(path, 'exclusive', () => Promise.resolve('ours'))).toBe('ours');
});

test('shared holders stand beside each other, and all are named', async () => {
  const children = await Promise.all([holder('shared', path), holder('shared', path)]);
  await withLock(path, 'shared', () => Promise.resolve());
  const refused = acquire(path, 'exclusive');
  for (const { pid } of children) await expect(refused).rejects.toThrow(`process ${pid} (`);
  await Promise.all(children.map((child) => child.kill()));
});

test('a wait ends when the holder lets go', async () => {
  const first = await acquire(path, 'exclusive');
  const told: string[] = [];
  const second = acquire(path, 'exclusive', {
    wait: true,
    onWait: (who) => {
      told.push(who);
      void first.close();
    },
  });
  await (await second).close();
  expect(told).toEqual([`this process (${process.pid})`]);
});

test('a wait can be called off', async () => {
  const first = await acquire(path, 'exclusive');
  const signal = AbortSignal.timeout(20);
  await expect(acquire(path, 'shared', { wait: true, signal })).rejects.toMatchObject({
    code: 'INTERRUPTED',
  });
  await first.close();
});

test('the lock is free again when its work fails', async () => {
  await expect(withLock(path, 'exclusive', () => Promise.reject(new Error('no felt')))).rejects.toThrow();
  await withLock(path, 'exclusive', () => Promise.resolve());
});

test("an owned file is its maker's until the maker dies", async () => {
  const child = await holder('own', directory);
  const [name = ''] = await readdir(directory);
  expect(await takeAbandoned(join(directory, name))).toBe(false);
  await child.kill();
  const undone: string[] = [];
  const undo = () => Promise.resolve(void undone.push(name));
  expect(await takeAbandoned(join(directory, name), undo)).toBe(true);
  expect(await takeAbandoned(join(directory, name), undo)).toBe(false);
  expect(undone).toEqual([name]);
});

test('an owned file is protected within its own process too', async () => {
  const { path: owned, handle } = await createOwned(directory);
  expect(await takeAbandoned(owned)).toBe(false);
  await handle.close();
  expect(await takeAbandoned(owned)).toBe(true);
});
