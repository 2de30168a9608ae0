import { expect, test } from 'vitest';
import { compareImages } from './compare-images.ts';

const first = {
  packages: [
    ['bash', '5.2-1', 'x86_64'],
    ['kernel', '6.1-1', 'x86_64'],
    ['kernel', '6.2-1', 'x86_64'],
    ['openssl', '1:3.2.10-1', 'x86_64'],
    ['zlib', '1.3-1', 'x86_64'],
  ] as [string, string, string][],
  layers: [
    ['a', 10, 'bash'],
    ['b', 20, 'zlib'],
  ] as [string, number, string][],
};
const second = {
  packages: [
    ['bash', '5.2-1', 'x86_64'],
    ['glibc', '2.40-1', 'i686'],
    ['kernel', '6.2-1', 'x86_64'],
    ['kernel', '6.3-1', 'x86_64'],
    ['openssl', '1:3.2.9-1', 'x86_64'],
  ] as [string, string, string][],
  layers: [
    ['a', 10, 'bash'],
    ['c', 30, 'glibc'],
  ] as [string, number, string][],
};

test('tells what was added, removed, and which way versions went', () => {
  const { packages, same } = compareImages(first, second);
  expect(packages).toEqual([
    { name: 'glibc', arch: 'i686', first: '', second: '2.40-1', change: 'added' },
    { name: 'kernel', arch: 'x86_64', first: '6.1-1, 6.2-1', second: '6.2-1, 6.3-1', change: 'newer' },
    { name: 'openssl', arch: 'x86_64', first: '1:3.2.10-1', second: '1:3.2.9-1', change: 'older' },
    { name: 'zlib', arch: 'x86_64', first: '1.3-1', second: '', change: 'removed' },
  ]);
  expect(same).toBe(1);
});

test('a reader of the first image downloads the layers that it has not', () => {
  const { download, sharedLayers, layers } = compareImages(first, second);
  expect({ download, sharedLayers }).toEqual({ download: 30, sharedLayers: 1 });
  expect(layers.map(({ side, digest }) => `${side} ${digest}`)).toEqual(['first b', 'second c']);
});
