import { expect, test } from 'vitest';
import { inParallel, meeting, Turn } from './parallel.ts';

test('results come in the order of the items, and no more than asked for are under way', async () => {
  let running = 0;
  let maxRunning = 0;
  const doubled = await inParallel([5, 1, 4, 2, 3], 2, undefined, async (item) => {
    maxRunning = Math.max(maxRunning, ++running);
    for (let turn = 0; turn < item; turn++) await Promise.resolve();
    running--;
    return item * 2;
  });
  expect(doubled).toEqual([10, 2, 8, 4, 6]);
  expect(maxRunning).toBe(2);
  expect(await inParallel([], 2, undefined, async () => 1)).toEqual([]);
});

test('the first failure stops the others, which have ended when it is thrown', async () => {
  const seen: string[] = [];
  const work = inParallel(['fails', 'waits', 'never'], 2, undefined, async (item, signal) => {
    seen.push(`${item} begins`);
    if (item === 'fails') throw new Error(item);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    seen.push(`${item} ends`);
    throw new Error('stopped');
  });
  await expect(work).rejects.toThrow('fails');
  expect(seen).toEqual(['fails begins', 'waits begins', 'waits ends']);
});

test("the caller's signal ends it with the caller's reason", async () => {
  const stop = new AbortController();
  const work = inParallel([1, 2, 3], 1, stop.signal, async () => stop.abort(new Error('mine')));
  await expect(work).rejects.toThrow('mine');
});

test('a meeting: nobody goes on before all are there, and whoever is stopped leaves', async () => {
  const seen: string[] = [];
  const at = meeting(2, async () => void seen.push('all'));
  const stop = new AbortController();
  const first = at(stop.signal).then(() => seen.push('first'));
  await Promise.resolve();
  expect(seen).toEqual([]);
  await at(stop.signal);
  await first;
  expect(seen[0]).toBe('all');
  const alone = meeting(2, async () => {})(stop.signal);
  stop.abort(new Error('stopped'));
  await expect(alone).rejects.toThrow('stopped');
});

test('a turn is had by one after the other, and by the next when one has failed', async () => {
  const turn = new Turn();
  const seen: string[] = [];
  const have = async (name: string) => {
    const end = await turn.take();
    try {
      seen.push(`${name} has it`);
      await Promise.resolve();
      if (name === 'b') throw new Error(name);
      seen.push(`${name} is done`);
    } finally {
      end();
    }
  };
  await Promise.allSettled(['a', 'b', 'c'].map(have));
  expect(seen).toEqual(['a has it', 'a is done', 'b has it', 'c has it', 'c is done']);
});
