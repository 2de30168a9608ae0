import { expect, test } from 'vitest';
import { checkTrailer } from './check-chunked.ts';
import { emptyIndex, trailer } from './trailer.ts';

const { bytes } = trailer(emptyIndex(), 3);
const differs = expect.objectContaining({ code: 'LAYERS_DIFFER' }) as Error;

/** With another 32-bit number at a place. */
function changed(at: number, value: (sound: number) => number): Buffer {
  const other = Buffer.from(bytes);
  other.writeUInt32LE(value(bytes.readUInt32LE(at)), at);
  return other;
}

test('readers of the whole blob skip the trailer', () => {
  checkTrailer(bytes);
});

test.each([
  ['a frame that is not skipped', changed(0, () => 0xfd2fb528)],
  ['a magic that none is', changed(0, (magic) => magic + 16)],
  ['a frame that says less than it is', changed(4, (size) => size - 1)],
  ['a frame that says more than it is', changed(4, (size) => size + 1)],
  ['an end that is missing', bytes.subarray(0, -1)],
  ['bytes behind the end', Buffer.concat([bytes, Buffer.alloc(1)])],
  ['a header behind the end', Buffer.concat([bytes, Buffer.from('502a4d1800', 'hex')])],
])('%s', (_, faulty) => {
  expect(() => checkTrailer(faulty)).toThrow(differs);
});
