import { expect, test } from 'vitest';
import { defaultDiskBytes } from './disk-bound.ts';

const GiB = 1024 ** 3;
const packages = (...sizes: number[]) => [{ files: sizes.map((size) => ({ size })) }];

test('what scriptlets make has room where packages are empty', () => {
  expect(defaultDiskBytes([])).toBe(GiB);
  expect(defaultDiskBytes(packages())).toBe(GiB);
});

test('files count in blocks, twice, with their inodes', () => {
  expect(defaultDiskBytes(packages(1))).toBe(GiB + 2 * 8192);
  expect(defaultDiskBytes(packages(0, 4096, 4097))).toBe(GiB + 2 * (4096 + 8192 + 12_288));
});

test('no claim of a package takes the whole disk', () => {
  expect(defaultDiskBytes(packages(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER))).toBe(16 * GiB);
});
