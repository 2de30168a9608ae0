import { randomBytes, randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { encodeFrame, FrameError, FrameReader, maxPayload, packed, type Frame } from './frames.ts';

const frame = (type: string, payload: Buffer, channel = 1): Frame => ({ type, channel, payload });
const sound = [
  frame('H', Buffer.concat([Buffer.alloc(8), Buffer.from('6.1.0-13-amd64')]), 0),
  frame('G', Buffer.alloc(8), 0),
  frame('O', randomBytes(maxPayload), 0xffff_ffff),
  frame('R', Buffer.from('x')),
  frame('E', Buffer.from('O')),
  frame('X', packed(137)),
  frame('N', Buffer.from('READY=1')),
  frame('P', Buffer.alloc(80)),
];
const bytes = Buffer.concat(sound.map(encodeFrame));

test.each([1, 3, 8, 9, 1000, 70_000, bytes.length])('frames in pieces of %i bytes', (size) => {
  const reader = new FrameReader();
  const found: Frame[] = [];
  for (let at = 0; at < bytes.length; at += size) found.push(...reader.push(bytes.subarray(at, at + size)));
  expect(found).toEqual(sound);
});

test.each([
  ['a type that there is not', frame('?', Buffer.alloc(0))],
  ['a clock of seven bytes', frame('G', Buffer.alloc(7))],
  ['a code of five', frame('X', Buffer.alloc(5))],
  ['a long message', frame('N', Buffer.alloc(4097))],
  ['an empty output', frame('O', Buffer.alloc(0))],
  ['counters with one too many', frame('P', Buffer.alloc(56))],
])('%s', (_, wrong) => {
  expect(() => new FrameReader().push(encodeFrame(wrong))).toThrow(FrameError);
});

test('a length that no frame has is an error before its bytes have come', () => {
  const header = encodeFrame(frame('O', Buffer.from('x')));
  for (const length of [maxPayload + 1, 0x7fff_ffff, 0xffff_ffff]) {
    header.writeUInt32LE(length);
    expect(() => new FrameReader().push(header.subarray(0, 9))).toThrow(FrameError);
  }
});

test('bytes of any kind are frames or a FrameError, and never more than was sent', () => {
  for (let round = 0; round < 2000; round++) {
    const noise = Buffer.from(bytes.subarray(0, 300 + randomInt(500)));
    for (let change = randomInt(8); change >= 0; change--) noise[randomInt(noise.length)] = randomInt(256);
    const reader = new FrameReader();
    let read = 0;
    try {
      for (let at = 0; at < noise.length;) {
        const size = 1 + randomInt(100);
        for (const one of reader.push(noise.subarray(at, at + size))) read += 9 + one.payload.length;
        at += size;
      }
    } catch (error) {
      expect(error).toBeInstanceOf(FrameError);
    }
    expect(read).toBeLessThanOrEqual(noise.length);
  }
});
