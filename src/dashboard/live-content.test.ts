import { expect, test } from 'vitest';
import { LiveContent } from './live-content.ts';

test('many who ask at once cost one reading', async () => {
  let count = 0;
  const live = new LiveContent(async () => `state ${(count += 1)}`);
  const all = await Promise.all(Array.from({ length: 5 }, () => live.now()));
  expect(all).toEqual(Array.from({ length: 5 }, () => 'state 1'));
});

test('a watcher gets the state, and each change of it, until it goes', async () => {
  let state = 'queued';
  const live = new LiveContent(async () => state);
  const over = new AbortController();
  const exit = live.enter()!;
  const seen: string[] = [];
  for await (const text of live.changes(over.signal)) {
    seen.push(text);
    if (text === 'queued') state = 'running';
    else if (text === 'running') state = 'released';
    else over.abort();
  }
  exit();
  expect(seen).toEqual(['queued', 'running', 'released']);
});

test('no more than so many watch; who goes twice gives up one place', () => {
  const live = new LiveContent(async () => '');
  const exits = Array.from({ length: 40 }, () => live.enter());
  expect(exits.filter(Boolean)).toHaveLength(32);
  exits[0]!();
  exits[0]!();
  expect([live.enter(), live.enter()].filter(Boolean)).toHaveLength(1);
  for (const exit of exits.slice(1)) exit?.();
});
