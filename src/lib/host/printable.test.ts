import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { printable, printableJson, printableStream } from './printable.ts';

test.each([
  ['colours', 'a\u001B[31mb', 'a\uFFFD[31mb'],
  ['an 8-bit control sequence', 'a\u009B2Jb', 'a\uFFFD2Jb'],
  ['a title', '\u001B]0;t\u0007', '\uFFFD]0;t\uFFFD'],
  ['an 8-bit string', '\u0090q\u009C', '\uFFFDq\uFFFD'],
  ['the beginning of the line', 'error\rfine', 'error\uFFFDfine'],
  ['a step back', 'no\b\bok\u007F', 'no\uFFFD\uFFFDok\uFFFD'],
  ['a NUL, a vertical tab, a form feed', '\0\v\f', '\uFFFD\uFFFD\uFFFD'],
  ['another direction', 'a\u202Eb\u2066c\u200Fd\u061C', 'a\uFFFDb\uFFFDc\uFFFDd\uFFFD'],
  ['other ends of lines', 'a\u2028b\u2029c\u0085d', 'a\uFFFDb\uFFFDc\uFFFDd'],
  ['what is to be read', 'a\tb\nü✓\u{1F3A9}é', 'a\tb\nü✓\u{1F3A9}é'],
])('%s', async (_what, given, shown) => {
  expect(printable(given)).toBe(shown);
  const json = printableJson(JSON.stringify({ given }));
  expect(printable(json)).toBe(json);
  expect(JSON.parse(json)).toEqual({ given });
  const bytes = [...Buffer.from(given)].map((byte) => Buffer.from([byte]));
  expect(await text(Readable.from(bytes).pipe(printableStream()))).toBe(shown);
});

test('bytes that are no text, cut short too', async () => {
  expect(await text(Readable.from([Buffer.from([0x9b, 0x32, 0xc2])]).pipe(printableStream()))).toBe(
    '\uFFFD2\uFFFD',
  );
});
