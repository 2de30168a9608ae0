import fc from 'fast-check';
import { expect, test } from 'vitest';
import { basesOf, baseUrl, below, directoryOf, packageBelow, substitute } from './location.ts';

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
  const refused = ['file://host/', 'file://host/srv/a', 'file:///srv%2Fa', 'file:///srv/%00', '/srv/\0'];
  for (const bad of ['ftp://host/', 'http://', 'data:,x', 'file://%', ...refused]) {
    expect(() => baseUrl(bad)).toThrow(code('REPO_UNAVAILABLE'));
  }
});

test('a package is asked for as dnf asks: all of its name is quoted that a URL reserves', () => {
  expect(packageBelow(remote, 'Packages/g/gcc-c++-1:2~3^4.rpm', 'r').href).toBe(
    'https://mirror.example/fedora/43/os/Packages/g/gcc-c%2b%2b-1%3a2~3%5e4.rpm',
  );
  expect(packageBelow(remote, 'a%2Bb é?c#d.rpm', 'r').pathname).toBe(
    '/fedora/43/os/a%252Bb%20%c3%a9%3fc%23d.rpm',
  );
  // What the recipe writes of a base is asked for as it is.
  expect(packageBelow(baseUrl('http://h/a+b'), './c+d', 'r').href).toBe('http://h/a+b/c%2bd');
});

test('metadata is asked for as repomd.xml writes it, but for what would end the path', () => {
  expect(below(remote, 'repodata/a+b%2Bc.xml', 'r').pathname).toBe('/fedora/43/os/repodata/a+b%2Bc.xml');
  expect(below(remote, 'a b?c#d.xml', 'r').pathname).toBe('/fedora/43/os/a%20b%3Fc%23d.xml');
});

test('a slash too many before a location leads nowhere else', () => {
  for (const join of [below, packageBelow]) {
    expect(join(remote, '//repodata/x.xml', 'r').href).toBe(`${remote.href}repodata/x.xml`);
    expect(directoryOf(join(local, '/etc/passwd', 'r'))).toBe('/srv/repo with space/etc/passwd');
  }
});

test('in a directory every character is one of the name', () => {
  for (const join of [below, packageBelow]) {
    expect(directoryOf(join(local, "a%20b+c?d#e'\\é.rpm", 'r'))).toBe(
      "/srv/repo with space/a%20b+c?d#e'\\é.rpm",
    );
  }
});

test.each([
  '',
  '/',
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
    for (const join of [below, packageBelow]) {
      // Of a file's name %2e is a part like any other.
      if ((base === local || join === packageBelow) && location.startsWith('%2e%2e')) continue;
      if ((base === local || join === packageBelow) && location === 'a/%2E./../x') continue;
      expect(() => join(base, location, 'r')).toThrow(code('REPO_INVALID'));
    }
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
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.constantFrom(remote, local),
      fc.constantFrom(below, packageBelow),
      (pieces, base, join) => {
        let url: URL;
        try {
          url = join(base, pieces.join(''), 'r');
        } catch (error) {
          expect(error).toEqual(code('REPO_INVALID'));
          return;
        }
        expect(url.href.startsWith(base.href)).toBe(true);
        expect(new URL(url.href).pathname).toBe(url.pathname);
      },
    ),
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
