import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byteString, bytesOf, resolveInImage, showBytes, type ByteString } from './paths.ts';

const links = new Map(
  Object.entries({
    lib64: 'usr/lib64',
    sbin: 'usr/sbin',
    'usr/sbin': 'bin',
    abs: '/usr/lib',
    up: '../../etc',
    loop: 'loop/x',
    chain: 'sbin',
  }).map(([path, target]) => [byteString(path), byteString(target)]),
);
const resolve = (path: string) => resolveInImage(byteString(path), (at) => links.get(at));

test.each([
  ['lib64/libc.so.6', 'usr/lib64/libc.so.6'],
  ['/sbin/x', 'usr/bin/x'],
  ['chain/x', 'usr/bin/x'],
  ['abs/x', 'usr/lib/x'],
  ['up/passwd', 'etc/passwd'],
  ['lib64', 'lib64'],
  ['a/./b//c/../d', 'a/b/d'],
  ['../../x', 'x'],
])('%s leads to %s', (path, expected) => {
  expect(resolve(path)).toBe(expected);
});

test('links in a circle have no end', () => {
  expect(resolve('loop/y')).toBeUndefined();
});

test('whatever the links are, the result stays inside and is normal', () => {
  const part = fc.constantFrom('a', 'b', '..', '.', 'c');
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((components) => components.join('/'));
  fc.assert(
    fc.property(path, fc.dictionary(path, path), (from, table) => {
      const found = resolveInImage(byteString(from), (at) => {
        const target = table[at];
        return target === undefined ? undefined : byteString(target);
      });
      for (const component of (found ?? '').split('/')) expect(['.', '..']).not.toContain(component);
    }),
  );
});

test('bytes survive as they are', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString('latin1') as ByteString;
      expect(bytesOf(text)).toEqual(Buffer.from(bytes));
    }),
  );
  expect(showBytes(byteString('日本'))).toBe('日本');
});
