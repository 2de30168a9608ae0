import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withFixedDates } from './java-keystore.ts';

const text = (value: string) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([0, bytes.length]), bytes]);
};
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** A store as keytool writes it: a tag, an alias, a date, a certificate. */
function store(dates: bigint[], tag = 2): Buffer {
  const entries = dates.map((date, index) => {
    const when = Buffer.alloc(8);
    when.writeBigUInt64BE(date);
    return Buffer.concat([u32(tag), text(`ca-${index}`), when, text('X.509'), u32(3), Buffer.from('der')]);
  });
  const body = Buffer.concat([u32(0xfeedfeed), u32(2), u32(dates.length), ...entries]);
  const digest = createHash('sha1')
    .update(Buffer.from('changeit', 'utf16le').swap16())
    .update('Mighty Aphrodite')
    .update(body)
    .digest();
  return Buffer.concat([body, digest]);
}

test('stores that differ in their dates alone become one', () => {
  const fixed = withFixedDates(store([1n, 2n]), 1000);
  expect(fixed).toEqual(withFixedDates(store([987_654_321n, 5n]), 1000));
  expect(fixed).toEqual(store([1_000_000n, 1_000_000n]));
});

test('a store with keys, with another password, or cut short stays as it is', () => {
  const keys = store([1n], 1);
  expect(withFixedDates(keys, 1000)).toBe(keys);
  const sealed = store([1n]);
  sealed[sealed.length - 1]! ^= 1;
  expect(withFixedDates(sealed, 1000)).toBe(sealed);
});

test('any bytes are survived', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const input = Buffer.concat([u32(0xfeedfeed), Buffer.from(bytes)]);
      expect(withFixedDates(input, 1000).length).toBe(input.length);
    }),
  );
});
