import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from './lines.ts';

function split(chunks: Buffer[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

test('lines are the same however the chunks are cut, and long ones are cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 9 }), (text, size) => {
      const bytes = Buffer.from(text);
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      expect(split(chunks)).toEqual(split([bytes]));
    }),
  );
  expect(split([Buffer.from('a\n\nb')])).toEqual(['a', '', 'b']);
  const long = Array.from({ length: 100 }, () => Buffer.alloc(1000, 'x'));
  const cut = `begun ${'x'.repeat(2042)}…${'x'.repeat(2040)} ending`;
  const line = [Buffer.from('begun '), ...long, Buffer.from(' ending')];
  for (const chunks of [line, [Buffer.concat(line)]])
    expect(split([...chunks, Buffer.from('\nend\n')])).toEqual([cut, 'end']);
});
