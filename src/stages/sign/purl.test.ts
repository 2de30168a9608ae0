import fc from 'fast-check';
import { expect, test } from 'vitest';
import { imagePurl, parseRpmPurl, rpmPurl, scannerName } from './purl.ts';

const bash = { name: 'bash', epoch: 0, version: '5.2.26', release: '3.fc43', arch: 'x86_64' };

test('rpm packages', () => {
  const fedora = { id: 'fedora', versionId: '43' };
  expect(rpmPurl(fedora, bash)).toBe('pkg:rpm/fedora/bash@5.2.26-3.fc43?arch=x86_64&distro=fedora-43');
  expect(rpmPurl(undefined, bash)).toBe('pkg:rpm/bash@5.2.26-3.fc43?arch=x86_64');
  const odd = { name: 'libstdc++', epoch: 2, version: '1~rc1^git1', release: '1', arch: 'noarch' };
  expect(rpmPurl(fedora, odd)).toBe(
    'pkg:rpm/fedora/libstdc%2B%2B@1~rc1%5Egit1-1?arch=noarch&distro=fedora-43&epoch=2',
  );
});

test.each([
  [{ id: 'rhel', versionId: '8.10' }, 'pkg:rpm/redhat/bash@5.2.26-3.fc43?arch=x86_64&distro=rhel-8.10'],
  [{ id: 'centos', versionId: '7' }, 'pkg:rpm/centos/bash@5.2.26-3.fc43?arch=x86_64&distro=centos-7'],
  [
    { id: 'opensuse-leap', versionId: '15.6' },
    'pkg:rpm/opensuse/bash@5.2.26-3.fc43?arch=x86_64&distro=opensuse-leap-15.6',
  ],
  [
    { id: 'opensuse-tumbleweed', versionId: '' },
    'pkg:rpm/opensuse/bash@5.2.26-3.fc43?arch=x86_64&distro=opensuse-tumbleweed',
  ],
])("vendors' namespaces: %j", (distribution, purl) => {
  expect(rpmPurl(distribution, bash)).toBe(purl);
});

test("operating systems by the scanners' names", () => {
  const names = ['rhel', 'almalinux', 'ol', 'amzn', 'fedora', 'centos', 'rocky', 'opensuse-leap'];
  const found = names.map((id) => scannerName(id));
  expect(found).toEqual(['redhat', 'alma', 'oracle', 'amazon', ...names.slice(4)]);
  const others = ['mariner', 'opensuse', 'sl-micro', 'sle-micro', 'sle-micro-rancher'];
  expect(others.map((id) => scannerName(id))).toEqual([
    'cbl-mariner',
    'opensuse-leap',
    'slem',
    'slem',
    'slem',
  ]);
});

test.each([
  ['opensuse-microos', 'opensuse'],
  ['opensuse-leap-micro', 'opensuse'],
  ['sl-micro', 'suse'],
  ['sles', 'suse'],
  ['slackware', 'slackware'],
])('packages of %s are in the namespace %s', (id, namespace) => {
  expect(rpmPurl({ id, versionId: '' }, bash)).toMatch(new RegExp(`^pkg:rpm/${namespace}/`));
});

test.each([
  ['Demo-Base', 'demo-base', ''],
  ['registry.example.com/a/hat', 'hat', '?repository_url=registry.example.com%2Fa%2Fhat'],
  ['localhost:5000/hat:1.0', 'hat', '?repository_url=localhost%3A5000%2Fhat&tag=1.0'],
  ['quay.io/a/hat@sha256:bb', 'hat', '?repository_url=quay.io%2Fa%2Fhat'],
])('images: %s', (name, last, qualifiers) => {
  const digest = `sha256:${'a'.repeat(64)}`;
  expect(imagePurl(name, digest)).toBe(`pkg:oci/${last}@sha256%3A${'a'.repeat(64)}${qualifiers}`);
});

const word = fc.string({
  unit: fc.constantFrom('a', 'Z', '0', '9', '.', '_', '+', '~', '^', '%', '@', '=', '&', '#', '?', 'é'),
  minLength: 1,
  maxLength: 8,
});
const identity = fc.record({ name: word, epoch: fc.nat(99), version: word, release: word, arch: word });

test('what is written of a package is read back', () => {
  fc.assert(
    fc.property(
      identity,
      fc.constantFrom(undefined, { id: 'fedora', versionId: '43' }),
      (one, distribution) => {
        expect(parseRpmPurl(rpmPurl(distribution, one))).toEqual(one);
      },
    ),
  );
});

test.each([
  '',
  'pkg:deb/debian/bash@5-1?arch=x86_64',
  'pkg:rpm/bash@5?arch=x86_64',
  'pkg:rpm/bash@5-1',
  'pkg:rpm/bash@5-1?distro=x',
  'pkg:rpm/bash@5-1-1?arch=x86_64',
  'pkg:rpm/bash@5-1?arch=x86_64&epoch=-1',
  'pkg:rpm/ba%sh@5-1?arch=x86_64',
  'pkg:rpm/a/b/bash@5-1?arch=x86_64',
])('%j names no package of ours', (purl) => {
  expect(parseRpmPurl(purl)).toBeUndefined();
});
