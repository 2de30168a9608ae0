import { expect, test } from 'vitest';
import { splitContent } from './split.ts';

/** Size of each chunk, and whether it is a hole. */
async function split(content: Buffer, piece: number): Promise<string[]> {
  const pieces = Array.from({ length: Math.ceil(content.length / piece) }, (_, at) =>
    content.subarray(at * piece, (at + 1) * piece),
  );
  const found: string[] = [];
  for await (const { bytes, isZeros } of splitContent(pieces, content.length))
    found.push(`${isZeros ? 'hole' : 'data'} ${bytes.length}`);
  return found;
}

test('where content is cut does not depend on the pieces in which it comes', async () => {
  const noise = Buffer.from(Array.from({ length: 100_000 }, (_, i) => ((i * 2_654_435_761) >>> 13) & 0xff));
  const content = Buffer.concat([noise, Buffer.alloc(1023), noise, Buffer.alloc(9 << 20), noise]);
  const whole = await split(content, content.length);
  expect(whole).toContain('hole 4194304');
  for (const piece of [512, 4096, 1 << 20]) expect(await split(content, piece)).toEqual(whole);
});

test('many GiB of zeros are holes of the longest length', async () => {
  const piece = Buffer.alloc(1 << 20);
  const pieces = Array.from({ length: 2048 }, () => piece);
  let holes = 0;
  for await (const { isZeros } of splitContent(pieces, 2 ** 31)) holes += isZeros ? 1 : 0;
  expect(holes).toBe(512);
});
