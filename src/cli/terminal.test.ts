import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { terminalProgress } from './terminal.ts';

test('the story holds to it', () => {
  const stream = new PassThrough();
  const progress = terminalProgress(stream as unknown as NodeJS.WriteStream);
  progress.step('one\r');
  progress.warn('two\u001B');
  progress.update('three\u0007', 1, 4);
  expect(String(stream.read())).toBe('one\uFFFD\nwarning: two\uFFFD\nthree\uFFFD: 25% of 4\n');
});
