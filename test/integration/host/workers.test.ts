/** Work in confined processes: what it gives, how it fails, how it is stopped, and what it cannot reach. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { treeCapabilities, type Reach } from '../../../src/lib/host/confined.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { Workers } from '../../../src/lib/host/workers.ts';
import type { Task } from './task-worker.ts';

const module = join(import.meta.dirname, 'task-worker.ts');
const counted = z.object({ count: z.number() });
const said = z.object({ text: z.string() });

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'milliner-workers-'));
  await writeFile(join(place, 'key'), 'secret');
});
afterAll(() => rm(place, { recursive: true }));

const open = (most: number, reach: Reach = {}) =>
  new Workers<Task>({ module, maxCount: most, reach: { ...reach, reads: [module, ...(reach.reads ?? [])] } });

test('tasks share as many processes as there may be, each begun once', async () => {
  await using workers = open(2);
  const all = await Promise.all(Array.from({ length: 8 }, () => workers.run({ kind: 'id' }, counted)));
  // Of eight tasks two processes have done all: the counts of both add up to it.
  const counts = all.map(({ count }) => count);
  expect(counts.filter((count) => count === 1)).toHaveLength(2);
});

test('an error comes back with its code, hint and details; the process goes on', async () => {
  await using workers = open(1);
  await expect(workers.run({ kind: 'fail' }, counted)).rejects.toMatchObject({
    code: 'PACKAGE_INVALID',
    message: 'a bad hat',
    hint: 'Take another.',
    details: { path: '/hat' },
  });
  await expect(workers.run({ kind: 'break' }, counted)).rejects.toThrow('a bug');
  expect(await workers.run({ kind: 'id' }, counted)).toEqual({ count: 1 });
});

test('an abort ends the process that has the task; another takes the next', async () => {
  await using workers = open(1);
  const stop = new AbortController();
  const waiting = workers.run({ kind: 'wait' }, counted, stop.signal);
  const next = workers.run({ kind: 'id' }, counted);
  setTimeout(() => stop.abort(), 300);
  await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(await next).toEqual({ count: 1 });
  const aborted = workers.run({ kind: 'wait' }, counted, AbortSignal.abort());
  await expect(aborted).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('a process that ends in the middle of a task fails it, and another takes the next', async () => {
  await using workers = open(1);
  await expect(workers.run({ kind: 'exit' }, counted)).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(await workers.run({ kind: 'id' }, counted)).toEqual({ count: 1 });
});

test('an answer of another form, and one without end, are no answers', async () => {
  await using workers = open(1);
  await expect(workers.run({ kind: 'id' }, said)).rejects.toMatchObject({ code: 'INTERNAL' });
  await expect(workers.run({ kind: 'flood' }, said)).rejects.toMatchObject({ code: 'INTERNAL' });
});

test('it reads what it is given and writes one directory', async () => {
  const writes = await mkdtemp(join(place, 'writes-'));
  await using workers = open(1, { reads: [join(place, 'key')], writes });
  expect(await workers.run({ kind: 'read', path: join(place, 'key') }, said)).toEqual({ text: 'secret' });
  await workers.run({ kind: 'write', path: join(writes, 'result') }, counted);
  expect(await readFile(join(writes, 'result'), 'utf8')).toBe('written');
  await expect(workers.run({ kind: 'write', path: join(place, 'key') }, counted)).rejects.toThrow('EROFS');
  // What it may have written elsewhere was its own memory.
  await workers.run({ kind: 'write', path: join(place, 'other') }, counted).catch(() => undefined);
  expect(await readdir(place)).toEqual(['key', basename(writes)]);
  for (const path of ['/etc/shadow', '/etc/passwd', '/root/.bashrc', '/proc/1/environ', '/dev/sda'])
    await expect(workers.run({ kind: 'read', path }, said)).rejects.toThrow('ENOENT');
});

test('only what fills a tree may give its files to others', async () => {
  const writes = await mkdtemp(join(place, 'owns-'));
  const path = join(writes, 'file');
  for (const capabilities of [[], treeCapabilities]) {
    await using workers = open(1, { writes, capabilities });
    await workers.run({ kind: 'write', path }, counted);
    const owned = workers.run({ kind: 'own', path }, counted);
    if (capabilities.length === 0) await expect(owned).rejects.toThrow('EPERM');
    else await owned;
  }
  expect((await stat(path)).uid).toBe(1);
});

test('what fills a tree makes devices, and opens none', async () => {
  const writes = await mkdtemp(join(place, 'devices-'));
  await using workers = open(1, { writes, capabilities: treeCapabilities });
  const opened = workers.run({ kind: 'device', path: join(writes, 'zero') }, counted);
  await expect(opened).rejects.toThrow('EACCES');
  expect((await stat(join(writes, 'zero'))).isCharacterDevice()).toBe(true);
});

test('a disk that is full is told as such', async () => {
  const writes = await mkdtemp(join(place, 'small-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', writes]);
  try {
    await using workers = open(1, { writes });
    const filled = workers.run({ kind: 'fill', path: join(writes, 'large') }, counted);
    await expect(filled).rejects.toMatchObject({ code: 'DISK_FULL' });
  } finally {
    await run('umount', [writes]);
  }
});

test('it has no network, the loopback of the host neither', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await using workers = open(1);
  const { text } = await workers.run({ kind: 'network', port }, said);
  expect(text).toMatch(/ECONNREFUSED|ENETUNREACH/);
  server.close();
});
