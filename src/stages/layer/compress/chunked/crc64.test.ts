import { expect, test } from 'vitest';
import { Crc64 } from './crc64.ts';

test.each([0, 1, 63, 1024, 1025, 65_535, 4 * 1024 * 1024])(
  '%i zeros at once are those one by one',
  (count) => {
    const [one, other] = [new Crc64(), new Crc64()];
    for (const sum of [one, other]) sum.update(Buffer.from('something before'));
    one.update(Buffer.alloc(count));
    other.updateZeros(count);
    for (const sum of [one, other]) sum.update(Buffer.from('and behind'));
    expect(other.digest()).toEqual(one.digest());
  },
);

test('the sum is that of Go', () => {
  const sum = new Crc64();
  sum.update(Buffer.from('123456789'));
  // CRC-64/GO-ISO of the catalogue of parametrised CRC algorithms.
  expect(sum.digest().toString('hex')).toBe('b90956c775a41001');
});
