import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { frameHead, frameKinds, framesIn, NoFrame, type Frame } from './database-frames.ts';

const frame = fc.record({
  kind: fc.constantFrom(...frameKinds),
  number: fc.integer(),
  bytes: fc.uint8Array({ maxLength: 200 }),
});

const encoded = (frames: Frame[]) => Buffer.concat(frames.flatMap((one) => [frameHead(one), one.bytes]));

async function read(bytes: Buffer, maxBytes: number, size: number): Promise<Frame[]> {
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  return Array.fromAsync(framesIn(pieces(), maxBytes));
}

test('what was said is read, however it is cut; less is refused, and so is one byte more than may be', async () => {
  const property = fc.asyncProperty(
    fc.array(frame, { minLength: 1, maxLength: 8 }),
    fc.integer({ min: 1, max: 300 }),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    async (frames, size, where) => {
      const bytes = encoded(frames);
      const maxBytes = frames.reduce((sum, one) => sum + one.bytes.length, 0);
      const found = await read(bytes, maxBytes, size);
      expect(found.map((one) => ({ ...one, bytes: Buffer.from(one.bytes) }))).toEqual(
        frames.map((one) => ({ ...one, bytes: Buffer.from(one.bytes) })),
      );
      if (maxBytes > 0) await expect(read(bytes, maxBytes - 1, size)).rejects.toThrow(NoFrame);
      const cut = bytes.subarray(0, Math.floor(where * bytes.length));
      const whole = await read(cut, maxBytes, size).then(
        (some) => encoded(some).equals(cut),
        (error: unknown) => error instanceof NoFrame,
      );
      expect(whole).toBe(true);
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

test('a length is not believed before its bytes are there, and a kind has to be known', async () => {
  const huge = frameHead({ kind: 'row', number: 1, bytes: Buffer.alloc(0) });
  huge.writeUInt32BE(0xffffffff, 9);
  await expect(read(huge, 1 << 30, 13)).rejects.toThrow('more bytes than the database');
  huge.writeUInt32BE(1 << 30, 9);
  await expect(read(huge, 1 << 30, 13)).rejects.toThrow('cut short');
  const unknown = frameHead({ kind: 'row', number: 1, bytes: Buffer.alloc(0) });
  unknown.writeUInt8(frameKinds.length);
  await expect(read(unknown, 1, 13)).rejects.toThrow('unknown kind');
});
