import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decompressZstd, endsInFrame, frameByFrame, isOfFrames } from './zstd.ts';

const frame = fc.record({
  content: fc.oneof(
    fc.uint8Array({ maxLength: 300_000 }).map((bytes) => Buffer.from(bytes)),
    fc.nat({ max: 600_000 }).map((length) => Buffer.alloc(length, 'a')),
  ),
  checksum: fc.boolean(),
  pledged: fc.boolean(),
});

function compress({ content, checksum, pledged }: { content: Buffer; checksum: boolean; pledged: boolean }) {
  return zstdCompressSync(content, {
    params: {
      [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0,
      [constants.ZSTD_c_contentSizeFlag]: pledged ? 1 : 0,
    },
  });
}

function skippable(content: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a53);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}

test('frames laid end to end are one stream, however they are cut', async () => {
  const property = fc.asyncProperty(
    fc.array(frame, { minLength: 1, maxLength: 6 }),
    fc.nat({ max: 3 }),
    fc.integer({ min: 1, max: 200_000 }),
    async (frames, gaps, size) => {
      const chunks = frames.flatMap((one, index) => [
        compress(one),
        ...(index < gaps ? [skippable(one.content.subarray(0, 1000))] : []),
      ]);
      const source = pieces(Buffer.concat(chunks), Math.max(size, 50));
      const found = await buffer(decompressZstd(Readable.from(source), 65_536));
      expect(found.equals(Buffer.concat(frames.map(({ content }) => content)))).toBe(true);
      const ends = new Set<number>();
      let at = 0;
      for await (const piece of frameByFrame(Readable.from(source))) ends.add((at += piece.length));
      let end = 0;
      for (const part of chunks) expect(ends).toContain((end += part.length));
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test('what is no frame is left to the decompressor, which refuses it', async () => {
  const good = zstdCompressSync(Buffer.from('good'));
  for (const bad of [Buffer.from('rubbish behind it'), good.subarray(0, good.length - 1)]) {
    const source = Readable.from([Buffer.concat([good, bad])]);
    await expect(buffer(decompressZstd(source, 65_536))).rejects.toThrow();
  }
});

test('every cut through a frame is seen, and no end of one', async () => {
  const whole = zstdCompressSync(Buffer.from('a frame\n'.repeat(20)));
  const two = Buffer.concat([whole, whole]);
  for (let length = 0; length <= two.length; length += 1) {
    const isCut = length % whole.length !== 0;
    expect(await endsInFrame(piecesOf(two.subarray(0, length)))).toBe(isCut);
  }
  expect(await endsInFrame(piecesOf(Buffer.from('no frame')))).toBe(false);
});

test('what stands behind a frame is told from a frame', async () => {
  const whole = zstdCompressSync(Buffer.from('a frame'));
  expect(await isOfFrames(piecesOf(Buffer.concat([whole, skippable(Buffer.from('skipped')), whole])))).toBe(
    true,
  );
  for (const other of [gzipSync('other'), Buffer.alloc(8), Buffer.from('text')]) {
    expect(await isOfFrames(piecesOf(other))).toBe(false);
    expect(await isOfFrames(piecesOf(Buffer.concat([whole, other])))).toBe(false);
  }
});

async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}
