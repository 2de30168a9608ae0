import { expect, test } from 'vitest';
import { boundedSboms } from './image-sbom.ts';

const sum = (digit: string, length: number) => digit.repeat(length);
const file = { sha1: sum('1', 40), sha256: sum('2', 64), layer: `sha256:${sum('3', 64)}`, owners: [] };
const files = ['etc/a', 'etc/b'].map((path) => ({ path, ...file }));
const input = {
  name: 'hat',
  manifestDigest: `sha256:${sum('4', 64)}`,
  epoch: 1,
  packages: [],
  checksums: new Map<string, string>(),
  files,
  tool: { name: 'milliner', version: '0' },
};

test('documents that are larger than readers take list no files, and it is said', () => {
  const warnings: string[] = [];
  const warn = (text: string) => warnings.push(text);
  const whole = boundedSboms(input, warn);
  expect(whole.spdx['files']).toHaveLength(2);
  expect(warnings).toEqual([]);
  const size = Math.max(...Object.values(whole).map((one) => JSON.stringify(one).length));
  expect(boundedSboms(input, warn, size)).toEqual(whole);
  const { spdx, cyclonedx } = boundedSboms(input, warn, size - 1);
  expect([spdx['files'], cyclonedx.components]).toEqual([undefined, []]);
  expect(spdx['comment']).toBe('The files of the image are too many to be listed.');
  expect(warnings).toHaveLength(1);
  // So large for sure that none is built to be measured.
  expect(boundedSboms(input, warn, 100).spdx['files']).toBe(undefined);
  expect(warnings).toHaveLength(2);
});
