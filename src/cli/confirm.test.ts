import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { confirm } from './confirm.ts';

function terminal(answer: string, isTTY = true) {
  const input = Object.assign(new PassThrough(), { isTTY });
  input.end(answer);
  return { input, output: new PassThrough() };
}

test.each([
  ['y\n', true],
  ['Yes\n', true],
  [' yes \n', true],
  ['\n', false],
  ['n\n', false],
  ['yesterday\n', false],
])('%j is %s', async (answer, expected) => {
  expect(await confirm('Remove it?', { terminal: terminal(answer) })).toBe(expected);
});

test('without a terminal nothing is done, and --yes is named', async () => {
  await expect(confirm('Remove it?', { terminal: terminal('y\n', false) })).rejects.toMatchObject({
    code: 'USAGE',
    hint: expect.stringContaining('--yes') as string,
  });
});

test('a signal ends the question', async () => {
  const stop = new AbortController();
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const asked = confirm('Remove it?', {
    signal: stop.signal,
    terminal: { input, output: new PassThrough() },
  });
  stop.abort();
  await expect(asked).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
