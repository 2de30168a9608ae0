/** Work in threads: what it gives, how it fails, how it is stopped. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Threads } from '../../src/host/threads.ts';
import type { Task } from './taskthread.ts';

type Given = { threadId: number; data: unknown };
const open = (most: number) =>
  new Threads<Task, Given>(join(import.meta.dirname, 'taskthread.ts'), most, 'given');

test('tasks share as many threads as there may be, each begun once', async () => {
  await using threads = open(2);
  const all = await Promise.all(Array.from({ length: 8 }, () => threads.run('id')));
  expect(new Set(all.map(({ threadId }) => threadId)).size).toBe(2);
  expect(all.every(({ data }) => data === 'given')).toBe(true);
});

test('an error comes back with its code, hint and details; the thread goes on', async () => {
  await using threads = open(1);
  await expect(threads.run('fail')).rejects.toMatchObject({
    code: 'PACKAGE_INVALID',
    message: 'a bad hat',
    hint: 'Take another.',
    details: { path: '/hat' },
  });
  await expect(threads.run('break')).rejects.toThrow('a bug');
  expect(await threads.run('id')).toMatchObject({ data: 'given' });
});

test('an abort reaches the task that it is about, before or while it runs', async () => {
  await using threads = open(1);
  const stop = new AbortController();
  const waiting = threads.run('wait', stop.signal);
  const next = threads.run('id');
  setTimeout(() => stop.abort(), 300);
  await expect(waiting).rejects.toThrow();
  expect(await next).toMatchObject({ data: 'given' });
  await expect(threads.run('wait', AbortSignal.abort())).rejects.toThrow();
});

test('a thread that ends in the middle of a task fails it, and another takes the next', async () => {
  await using threads = open(1);
  await expect(threads.run('exit')).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(await threads.run('id')).toMatchObject({ data: 'given' });
});
