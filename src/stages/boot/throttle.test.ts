import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Throttle } from './throttle.ts';

test('bytes come out as they went in, through any number of streams at once', async () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 2000 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(chunks, { minLength: 1, maxLength: 4 }), async (streams) => {
      const throttle = new Throttle(10_000_000);
      const through = streams.map((pieces) =>
        buffer(Readable.from(pieces.map((part) => Buffer.from(part))).pipe(throttle.stream())),
      );
      const expected = streams.map((pieces) => Buffer.concat(pieces));
      expect(await Promise.all(through)).toEqual(expected);
    }),
    { numRuns: 20 },
  );
});

test('what does not end does not keep another stream from its turn', async () => {
  const throttle = new Throttle(1_000_000);
  const open = throttle.stream();
  open.write('and so on');
  const other = throttle.stream();
  other.end('hat');
  expect((await buffer(other)).toString()).toBe('hat');
  open.destroy();
});

test('an end without bytes goes through', async () => {
  const stream = new Throttle(1).stream();
  stream.end();
  stream.resume();
  await once(stream, 'end');
});
