import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { printable, terminalProgress } from './terminal.ts';

test('nothing that a terminal obeys passes, but for tabs and the ends of lines', () => {
  expect(printable('a\tb\n\u001B[2Kc\r\u009B1md\u007Fé€')).toBe('a\tb\n\uFFFD[2Kc\uFFFD\uFFFD1md\uFFFDé€');
});

test('the story holds to it', () => {
  const stream = new PassThrough();
  const progress = terminalProgress(stream as unknown as NodeJS.WriteStream);
  progress.step('one\r');
  progress.warn('two\u001B');
  progress.update('three\u0007', 1, 4);
  expect(String(stream.read())).toBe('one\uFFFD\nwarning: two\uFFFD\nthree\uFFFD: 25% of 4\n');
});
