import { expect, test } from 'vitest';
import { AnswerMeter, maxAnswerBytes } from './answers.ts';

/** Whether all of it passes, in chunks of a size. */
function passes(text: string, size = text.length): boolean {
  const bytes = Buffer.from(text, 'latin1');
  const meter = new AnswerMeter();
  for (let at = 0; at < bytes.length; at += size) {
    if (!meter.take(bytes.subarray(at, at + size))) return false;
  }
  return true;
}

const half = maxAnswerBytes / 2;

test.each<[string, string]>([
  ['a status', '+OK\r\n'],
  ['a number', ':1000\r\n'],
  ['no string', '$-1\r\n'],
  ['no array', '*-1\r\n'],
  ['an empty array', '*0\r\n'],
  ['strings that look like headers', '*2\r\n$15\r\n*999999999999\r\n\r\n$3\r\n*9\n\r\n'],
  ['arrays in arrays', '*2\r\n*2\r\n:1\r\n$2\r\nab\r\n*1\r\n+x\r\n'],
])('%s passes, however it is cut, again and again', (_, answer) => {
  for (const size of [1, 2, 3, 7, 1000]) expect(passes(answer.repeat(50), size)).toBe(true);
});

test.each<[string, string]>([
  ['a string', `$${maxAnswerBytes}\r\n`],
  ['an array', `*${maxAnswerBytes}\r\n`],
  ['an array of strings', `*2\r\n$${half}\r\n${'x'.repeat(half)}\r\n$${half}\r\n`],
  ['arrays in arrays', `*2\r\n*${half}\r\n`.repeat(3)],
  ['a number beyond all numbers', `$${'9'.repeat(400)}\r\n`],
  ['a line without end', `-${'x'.repeat(100_000)}`],
])('%s that is too large does not, before it has come', (_, answer) => {
  expect(passes(answer)).toBe(false);
  expect(passes(answer, 1000)).toBe(false);
});

test('answers that are large together only pass', () => {
  const meter = new AnswerMeter();
  const large = Buffer.from(`$${half}\r\n${'x'.repeat(half)}\r\n`, 'latin1');
  for (let times = 0; times < 4; times++) expect(meter.take(large)).toBe(true);
});
