import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  entry,
  headerBlob,
  packageEntries,
  packageFile,
  type HeaderEntry,
} from '../../../test/helpers/rpm/synthesize.ts';
import { fileType } from './file-list.ts';
import { readPackage } from './package.ts';
import { headerTags, signatureTags } from './tags.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-package-'));
});
afterAll(() => rm(directory, { recursive: true }));

const files = [
  { path: '/etc/sample.conf', size: 5, flags: 1 | 16 },
  { path: '/usr/bin/link', mode: fileType.link | 0o777, target: 'sample' },
  { path: '/usr/bin/sample', size: 10, mode: fileType.regular | 0o4755 },
  { path: '/var/log/sample', flags: 64 },
];

async function read(bytes: Buffer) {
  const path = join(directory, 'sample.rpm');
  await writeFile(path, bytes);
  return readPackage(path);
}

function sample(
  more: HeaderEntry[] = [],
  signature: HeaderEntry[] = [],
  region: number | undefined = 63,
): Buffer {
  return packageFile({ header: headerBlob(region, packageEntries(files, more)), signature });
}

test('describes a package', async () => {
  const pkg = await read(sample());
  expect(pkg.nevra).toBe('sample-4:1.2-3.noarch');
  expect(pkg.source).toBe(false);
  expect(pkg.accounts).toEqual([{ kind: 'user', name: 'web', line: 'u web - "Web"' }]);
  expect(pkg.files.map((file) => file.path)).toEqual([
    'etc/sample.conf',
    'usr/bin/link',
    'usr/bin/sample',
    'var/log/sample',
  ]);
  expect(pkg.files[0]?.flags).toMatchObject({ config: true, noreplace: true, ghost: false });
  expect(pkg.files[1]).toMatchObject({ linkTarget: 'sample' });
  expect(pkg.files[2]).toMatchObject({ mode: 0o104755, size: 10, user: 'root' });
  expect(pkg.files[3]?.flags.ghost).toBe(true);
  expect(pkg.signatures.kind).toBe('none');
});

test('describes scriptlets and triggers', async () => {
  const { scriptlets } = await read(sample());
  expect(scriptlets).toMatchObject([
    { kind: 'post', interpreter: ['/bin/sh', '-e'], body: 'echo installed' },
    { kind: 'triggerin', body: 'echo one', conditions: [{ name: 'bash' }, { name: 'zsh', version: '5' }] },
    { kind: 'triggerpostun', interpreter: ['<lua>'], conditions: [{ name: 'dash' }] },
  ]);
});

test('says which kind of signature there is', async () => {
  const rsa = { ...signatureTags.RSA, values: [Buffer.alloc(4)] };
  const openpgp = { ...signatureTags.OPENPGP, values: ['AAAA'] };
  expect((await read(sample([], [rsa, openpgp]))).signatures.kind).toBe('v4');
  expect((await read(sample([], [openpgp]))).signatures.kind).toBe('v6');
});

test.each([
  ['nothing of the kind', 'x', 4, '4:1.2-3'],
  ['itself: rpm adds it once more', 'sample', 4, '4:1.2-3'],
  ['nothing, and has an epoch of 0', 'x', 0, '0:1.2-3'],
])(
  'a package without a region is version 3 and provides itself; it says %s',
  async (_, said, epoch, version) => {
    const own = { name: said, flags: 8, version: '4:1.2-3' };
    const more = [
      entry('EPOCH', epoch),
      entry('PROVIDENAME', own.name),
      entry('PROVIDEFLAGS', own.flags),
      entry('PROVIDEVERSION', own.version),
    ];
    const bytes = packageFile({ header: headerBlob(undefined, packageEntries([], more)) });
    expect((await read(bytes)).provides).toEqual([own, { name: 'sample', flags: 8, version }]);
  },
);

test('rpmlib() requirements are marked as such, names without which nothing counts', async () => {
  const requires = [entry('REQUIRENAME', 'rpmlib(X)', 'bash'), entry('REQUIREVERSION', '1', '')];
  const of = async (entries: HeaderEntry[]) =>
    read(packageFile({ header: headerBlob(undefined, packageEntries([], entries)) }));
  const marked = await of([...requires, entry('REQUIREFLAGS', 10, 0)]);
  expect(marked.requires.map(({ flags }) => flags)).toEqual([10 | (1 << 24), 0]);
  expect((await of(requires)).requires.map(({ flags }) => flags)).toEqual([0, 0]);
  expect((await of([entry('CONFLICTVERSION', '1')])).conflicts).toEqual([]);
});

test('whole paths count only where a header has no directories', async () => {
  const one = [{ path: '/etc/one' }];
  const both = packageEntries(one, [entry('OLDFILENAMES', '/etc/other')]);
  const old = both.filter(({ tag }) => ![1116, 1117, 1118].includes(tag));
  const paths = async (entries: HeaderEntry[]) =>
    (await read(packageFile({ header: headerBlob(undefined, entries) }))).files.map(({ path }) => path);
  expect(await paths(both)).toEqual(['etc/one']);
  expect(await paths(old)).toEqual(['etc/other']);
});

test.each<[string, HeaderEntry[]]>([
  ['a path that leads upwards', [entry('BASENAMES', '..', 'b', 'c', 'd')]],
  ['a path with an empty part', [entry('DIRNAMES', '/etc//', '/usr/bin/', '/var/log/')]],
  ['a path twice', [entry('BASENAMES', 'a', 'b', 'b', 'd')]],
  ['a directory index that leads nowhere', [entry('DIRINDEXES', 0, 1, 9, 2)]],
  ['too few sizes', [entry('FILESIZES', 1)]],
  ['a link without a target', [entry('FILELINKTOS', '', '', '', '')]],
  ['a name with a slash', [entry('NAME', 'a/b')]],
  ['a name with a line break', [entry('VERSION', '1\n2')]],
  ['trigger indexes that lead nowhere', [entry('TRIGGERINDEX', 0, 7, 1)]],
  ['an unknown digest', [entry('FILEDIGESTALGO', 77)]],
  ['more dependency versions than names', [entry('PROVIDEVERSION', '1', '2', '3')]],
])('refuses %s', async (_, more) => {
  await expect(read(sample(more))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
});

test('refuses what is no package at all, and one that is not there', async () => {
  await expect(read(Buffer.alloc(0))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
  await expect(read(Buffer.alloc(4096))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
  await expect(readPackage(join(directory, 'none.rpm'))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
  await expect(readPackage(directory)).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
});

test('a long directory is not multiplied by its files', async () => {
  const long = `/${'d'.repeat(4000)}/`;
  const names = Array.from({ length: 1000 }, (_, i) => `${'f'.repeat(200)}${i}`);
  const blob = headerBlob(headerTags.HEADERIMMUTABLE.tag, [
    ...packageEntries([]),
    entry('DIRNAMES', long),
    entry('BASENAMES', ...names),
    entry('DIRINDEXES', ...names.map(() => 0)),
  ]);
  await expect(read(packageFile({ header: blob }))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
});

test('every cut is refused', async () => {
  const bytes = sample();
  const step = process.env.MILLINER_SOAK ? 1 : 37;
  for (let length = 0; length < bytes.length; length += step) {
    await expect(read(bytes.subarray(0, length))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
  }
});
