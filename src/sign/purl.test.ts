import { expect, test } from 'vitest';
import { imagePurl, rpmPurl } from './purl.ts';

const bash = { name: 'bash', epoch: 0, version: '5.2.26', release: '3.fc43', arch: 'x86_64' };

test('rpm packages', () => {
  expect(rpmPurl('fedora', bash)).toBe('pkg:rpm/fedora/bash@5.2.26-3.fc43?arch=x86_64');
  expect(rpmPurl(undefined, bash)).toBe('pkg:rpm/bash@5.2.26-3.fc43?arch=x86_64');
  const odd = { name: 'libstdc++', epoch: 2, version: '1~rc1^git1', release: '1', arch: 'noarch' };
  expect(rpmPurl('Fedora', odd)).toBe('pkg:rpm/fedora/libstdc%2B%2B@1~rc1%5Egit1-1?arch=noarch&epoch=2');
});

test('images', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  expect(imagePurl('Demo-Base', digest)).toBe(`pkg:oci/demo-base@sha256%3A${'a'.repeat(64)}`);
});
