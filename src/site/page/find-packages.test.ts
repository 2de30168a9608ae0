import { expect, test } from 'vitest';
import { evrText, findPackages } from './find-packages.ts';
import type { PackageData } from './site-data.ts';

const packages: PackageData[] = [
  ['bash', [[0, '5.2', '1.fc43', 'x86_64', 2]]],
  [
    'openssl',
    [
      [1, '3.2.10', '1.fc43', 'x86_64', 1],
      [1, '3.2.4', '2.fc43', 'x86_64', 1],
      [1, '3.2.4~rc1', '1.fc43', 'x86_64', 3],
      [1, '3.2.3', '9.fc43', 'x86_64', 2],
    ],
  ],
  ['openssl-libs', [[1, '3.2.3', '9.fc43', 'x86_64', 2]]],
];
const byBeginning = (text: string) =>
  packages.flatMap(([name], position) => (name.startsWith(text) ? [position] : []));
const find = (text: string) => findPackages(packages, text, byBeginning);
const versions = (text: string) =>
  find(text).versions.map((one) => evrText(packages[one.package]![1][one.version]!));

test.each([
  ['openssl < 3.2.4', ['1:3.2.4~rc1-1.fc43', '1:3.2.3-9.fc43']],
  ['openssl<=3.2.4', ['1:3.2.4-2.fc43', '1:3.2.4~rc1-1.fc43', '1:3.2.3-9.fc43']],
  ['openssl > 3.2.4', ['1:3.2.10-1.fc43']],
  ['openssl = 1:3.2.4-2.fc43', ['1:3.2.4-2.fc43']],
  ['openssl >= 2:1', []],
  ['no-such < 1', []],
])('%s, in the order of rpm', (text, expected) => {
  expect(find(text)).toMatchObject({ isCondition: true, more: 0 });
  expect(versions(text)).toEqual(expected);
});

test('a name finds all its versions first, then what the index finds', () => {
  const found = find(' openssl ');
  expect(found.isCondition).toBe(false);
  expect(found.versions.map((one) => one.package)).toEqual([1, 1, 1, 1, 2]);
});

test.each(['openssl <', '< 3', 'openssl < 3 4', 'a <> b'])('%s is no condition yet', (text) => {
  expect(find(text).fault).toBeTypeOf('string');
});

test('nothing finds nothing', () => {
  expect(find('  ').versions).toEqual([]);
});
