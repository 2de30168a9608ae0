import { expect, test } from 'vitest';
import { entry, headerBlob, packageEntries } from '../../../test/helpers/rpm/synthesize.ts';
import { MillinerError } from '../errors/error.ts';
import { Header, headerSize } from './header.ts';
import { headerTags } from './tags.ts';

const refuse = (what: string) => new MillinerError('PACKAGE_INVALID', what);
const region = headerTags.HEADERIMMUTABLE.tag;
const sample = headerBlob(region, packageEntries([{ path: '/usr/bin/a', size: 1 }, { path: '/usr/bin/b' }]));

function expectRefused(blob: Buffer): void {
  expect(() => new Header(blob, 'package', refuse)).toThrow(MillinerError);
}

test('reads values by tag and type', () => {
  const header = new Header(sample, 'package', refuse);
  expect(header.string(headerTags.NAME)).toBe('sample');
  expect(header.strings(headerTags.BASENAMES)).toEqual(['a', 'b']);
  expect(header.numbers(headerTags.FILESIZES)).toEqual([1, 0]);
  expect(header.string(headerTags.VENDOR)).toBeUndefined();
  expect(() => header.number(headerTags.NAME)).toThrow(MillinerError);
  expect(() => header.strings(headerTags.EPOCH)).toThrow(MillinerError);
});

test('text that is not UTF-8 is read as Latin-1, paths byte for byte', () => {
  const latin = Buffer.from('caf\u00e9', 'latin1');
  const header = new Header(headerBlob(region, [entry('BASENAMES', latin, 'é')]), 'package', refuse);
  expect(header.strings(headerTags.BASENAMES)).toEqual(['café', 'é']);
  expect(header.byteStrings(headerTags.BASENAMES)).toEqual(['caf\u00e9', '\u00c3\u00a9']);
});

test('64-bit numbers are exact or refused', () => {
  const of = (value: bigint) => new Header(headerBlob(region, [entry('LONGSIZE', value)]), 'package', refuse);
  expect(of(5_000_000_000n).number(headerTags.LONGSIZE)).toBe(5_000_000_000);
  expect(() => of(1n << 60n).number(headerTags.LONGSIZE)).toThrow(MillinerError);
});

test('refuses what does not fit together', () => {
  expectRefused(Buffer.alloc(4));
  expectRefused(Buffer.alloc(8));
  expectRefused(sample.subarray(0, -1));
  expectRefused(Buffer.concat([sample, Buffer.alloc(1)]));
  // A tag twice, a reserved tag, a known tag of another type, entries behind the region.
  expectRefused(headerBlob(region, [entry('NAME', 'a'), entry('NAME', 'b')]));
  expectRefused(headerBlob(region, [{ tag: 99, type: 'int32', values: [1] }]));
  expectRefused(headerBlob(region, [{ tag: headerTags.NAME.tag, type: 'int32', values: [1] }]));
  expectRefused(headerBlob(region, [entry('NAME', 'a')], [entry('INSTALLTIME', 1)]));
  // Also a tag that nothing reads; one that is negative to rpm.
  expectRefused(headerBlob(region, [{ tag: 1148, type: 'int32', values: [1] }]));
  expectRefused(headerBlob(region, [{ tag: -1, type: 'int32', values: [1] }]));
});

test.each([region, undefined])('data between the entries of a package is refused, region %s', (kind) => {
  const entries = [entry('NAME', 'a'), entry('VERSION', 'one two'), entry('RELEASE', '1'), entry('EPOCH', 1)];
  const blob = headerBlob(kind, entries);
  expect(new Header(blob, 'package', refuse).number(headerTags.EPOCH)).toBe(1);
  const ended = Buffer.from(blob);
  ended[blob.indexOf('one two') + 3] = 0;
  expectRefused(ended);
});

test('counts are bounded before anything is allocated', () => {
  const intro = Buffer.alloc(8);
  intro.writeUInt32BE(0x10000, 0);
  expect(() => headerSize(intro, 'package', refuse)).toThrow(MillinerError);
  intro.writeUInt32BE(1, 0);
  intro.writeUInt32BE(0x10000000, 4);
  expect(() => headerSize(intro, 'package', refuse)).toThrow(MillinerError);
});

test('a row of the database holds what rpm added, and takes other values for it', () => {
  const added = [entry('INSTALLTIME', 7), entry('INSTALLTID', 8), entry('ARCH', 'x86_64')];
  const blob = headerBlob(region, packageEntries([]), added);
  const header = new Header(blob, 'database', refuse);
  expect(header.number(headerTags.INSTALLTIME)).toBe(7);
  expect(header.string(headerTags.ARCH)).toBe('x86_64');
  const patched = new Header(
    header.patched([
      [headerTags.INSTALLTIME, 1],
      [headerTags.INSTALLTID, 2],
    ]),
    'database',
    refuse,
  );
  expect(patched.numbers(headerTags.INSTALLTIME)).toEqual([1]);
  expect(patched.numbers(headerTags.INSTALLTID)).toEqual([2]);
  expect(patched.blob.length).toBe(blob.length);
  expect(header.number(headerTags.INSTALLTIME)).toBe(7);
});
