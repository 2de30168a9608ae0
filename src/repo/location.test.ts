import fc from 'fast-check';
import { expect, test } from 'vitest';
import { basesOf, baseUrl, below, substitute } from './location.ts';

const code = (value: string) => expect.objectContaining({ code: value });
const remote = baseUrl('https://mirror.example/fedora/43/os');
const local = baseUrl('/srv/repo with space');

test('variables as dnf has them', () => {
  const text = 'https://m/$releasever/${basearch}/$arch/$releasevers/$x';
  expect(substitute(text, { arch: 'x86_64', release: '43' }, 'r')).toBe(
    'https://m/43/x86_64/x86_64/$releasevers/$x',
  );
  expect(substitute('$basearch', { arch: 'i686' }, 'r')).toBe('i386');
  expect(() => substitute('$releasever', { arch: 'x86_64' }, 'r')).toThrow(code('RECIPE_INVALID'));
});

test('bases: http, https, file, and plain directories', () => {
  expect(remote.href).toBe('https://mirror.example/fedora/43/os/');
  expect(local.href).toBe('file:///srv/repo%20with%20space/');
  expect(baseUrl('file:///srv/a').href).toBe('file:///srv/a/');
  for (const bad of ['ftp://host/', 'http://', 'data:,x']) {
    expect(() => baseUrl(bad)).toThrow(code('REPO_UNAVAILABLE'));
  }
});

test('locations are names below the base, whatever characters they have', () => {
  expect(below(remote, 'Packages/g/gcc-c++-1:2~3^4.rpm', 'r').href).toBe(
    'https://mirror.example/fedora/43/os/Packages/g/gcc-c++-1:2~3%5E4.rpm',
  );
  expect(below(remote, 'a b?c#d.rpm', 'r').pathname).toBe('/fedora/43/os/a%20b%3Fc%23d.rpm');
  expect(below(local, 'a%20b.rpm', 'r').href).toBe('file:///srv/repo%20with%20space/a%2520b.rpm');
});

test.each([
  '',
  '/etc/passwd',
  '\\etc',
  '../x',
  'a/../../x',
  'a/..',
  '..\\x',
  '%2e%2e/x',
  'a/%2E./../x',
  'file:///etc/passwd',
  'https://other/x',
  'a\nb',
  'a\0b',
])('a location that leads elsewhere is refused: %j', (location) => {
  for (const base of [remote, local]) {
    // To a file URL %2e%2e is a name like any other.
    if (base === local && location === '%2e%2e/x') continue;
    expect(() => below(base, location, 'r')).toThrow(code('REPO_INVALID'));
  }
});

test('no location leaves its base', () => {
  const piece = fc.constantFrom(
    '..',
    '.',
    '/',
    '\\',
    '%2e',
    '%2E',
    '%2f',
    'a',
    '?',
    '#',
    '@',
    ':',
    '//',
    '\t',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.constantFrom(remote, local), (pieces, base) => {
      let url: URL;
      try {
        url = below(base, pieces.join(''), 'r');
      } catch (error) {
        expect(error).toEqual(code('REPO_INVALID'));
        return;
      }
      expect(url.href.startsWith(base.href)).toBe(true);
      expect(new URL(url.href).pathname).toBe(url.pathname);
    }),
  );
});

test('xml:base replaces the base, or lies below it', () => {
  expect(basesOf([remote], '', 'r')).toEqual([remote]);
  expect(basesOf([remote], 'https://other.example/x', 'r').map(String)).toEqual(['https://other.example/x/']);
  expect(basesOf([remote], 'sub', 'r').map(String)).toEqual(['https://mirror.example/fedora/43/os/sub/']);
  expect(basesOf([local], 'file:///srv/other', 'r').map(String)).toEqual(['file:///srv/other/']);
  for (const bad of ['file:///etc', '../x', 'http://']) {
    expect(() => basesOf([remote], bad, 'r')).toThrow(code('REPO_INVALID'));
  }
});
