import fc from 'fast-check';

/** The bytes with one of them changed, or with an end cut off. */
export const damaged = (good: Buffer): fc.Arbitrary<Buffer> =>
  fc.oneof(
    fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
      const bytes = Buffer.from(good);
      bytes[at]! ^= bits;
      return bytes;
    }),
    fc.nat(good.length - 1).map((end) => good.subarray(0, end)),
  );
