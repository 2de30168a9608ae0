/** How Debian's words become rpm's; rpm and dpkg-deb themselves are the judges where they can be. */
import fc from 'fast-check';
import { mkdtemp, mkdir, rm, symlink, writeFile, link, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readContents } from '../../../spec/debian/contents.ts';
import { filesSection, ownersOf } from '../../../spec/debian/files.ts';
import { provisions, requirements } from '../../../spec/debian/relations.ts';
import { sysusersProvides } from '../../../spec/debian/systemd.ts';
import { formatEvr, parseVersion } from '../../../spec/debian/version.ts';
import { run } from '../../../src/lib/host/exec.ts';

test.each([
  ['1.2', { version: '1.2' }],
  ['1.2-3', { version: '1.2', release: '3' }],
  ['5:8.0.2-3+deb13u2', { epoch: '5', version: '8.0.2', release: '3+deb13u2' }],
  [
    '1:4.16.0-2+really2.41.5-0+deb13u1',
    { epoch: '1', version: '4.16.0.2+really2.41.5', release: '0+deb13u1' },
  ],
  ['257.13-1~deb13u1', { version: '257.13', release: '1~deb13u1' }],
])('%s is a version for rpm', (text, expected) => {
  expect(parseVersion(text)).toEqual(expected);
});

test('no version or release keeps a hyphen', () => {
  const version = fc.stringMatching(/^[0-9][0-9a-z.+~-]{0,20}$/);
  fc.assert(
    fc.property(version, (text) => {
      const evr = parseVersion(text);
      return ![evr.version, evr.release ?? ''].some((part) => part.includes('-'));
    }),
  );
});

test.each([
  ['libc6 (>= 2.38)', ['libc6 >= 2.38']],
  ['libc6 (>> 2.36)', ['libc6 >= 2.36']],
  ['git-man (<< 1:2.47.3-.)', ['git-man <= 1:2.47.3']],
  ['python3:any, perl:any (<< 6)', ['python3', 'perl < 6']],
  ['awk | mawk (>= 1)', ['(awk or mawk >= 1)']],
  ['debconf (>= 0.5) | debconf-2.0, libc6', ['libc6']],
  ['a | b', []],
])('%s is a requirement for rpm', (field, expected) => {
  expect(requirements(field, new Set(['b']))).toEqual(expected);
});

test('a provide without a version gets the package’s own', () => {
  expect(provisions('perl-modules, libfoo (= 1:2-3)', '5.40.1-6')).toEqual([
    'perl-modules = 5.40.1-6',
    'libfoo = 1:2-3',
  ]);
});

test('a sysusers line comes back from what rpm is given, and its version is legal', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,15}$/);
  fc.assert(
    fc.property(word, word, (name, description) => {
      const line = `u ${name} - "${description}" /var/lib/${name}`;
      const [user, group] = sysusersProvides(line);
      const encoded = user?.split(' = ')[1] ?? '';
      expect(group).toBe(`group(${name})`);
      expect(encoded).toMatch(/^[A-Za-z0-9+]+$/);
      expect(Buffer.from(encoded, 'base64').toString().replaceAll('\0', '')).toBe(line);
    }),
  );
});

test('the listing of a .deb gives names, types, modes and links as they are', async () => {
  const root = await mkdtemp(join(tmpdir(), 'deb-'));
  try {
    const tree = join(root, 'tree');
    await mkdir(join(tree, 'DEBIAN'), { recursive: true });
    await writeFile(
      join(tree, 'DEBIAN/control'),
      'Package: odd\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n',
    );
    await mkdir(join(tree, 'a b'), { mode: 0o700 });
    await writeFile(join(tree, 'a b/Grüße [x] -> y'), '');
    await link(join(tree, 'a b/Grüße [x] -> y'), join(tree, 'a b/second'));
    await writeFile(join(tree, 'setuid'), '');
    await chmod(join(tree, 'setuid'), 0o4751);
    await symlink('a b', join(tree, 'link'));
    await run('dpkg-deb', ['--build', '--root-owner-group', tree, join(root, 'odd.deb')]);
    const entries = await readContents({ path: join(root, 'odd.deb'), sha256: '' });
    expect(entries.map(({ path, type, mode }) => [path, type, mode])).toEqual([
      ['/', 'directory', '0755'],
      ['/a b', 'directory', '0700'],
      ['/a b/Grüße [x] -> y', 'file', '0644'],
      ['/a b/second', 'file', '0644'],
      ['/setuid', 'file', '4751'],
      ['/link', 'link', '0777'],
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
});

test('an override takes the place of the generated line, and owners are asked for', () => {
  const entry = {
    path: '/usr/bin/crontab',
    type: 'file',
    mode: '0755',
    owner: 'root',
    group: 'root',
  } as const;
  const shared = { ...entry, path: '/usr/bin', type: 'directory' } as const;
  const override = '%attr(2755, root, crontab) "/usr/bin/crontab"';
  const lines = filesSection([shared, entry], new Set(), new Set(['/usr/bin']), [override]);
  expect(lines).toEqual([override]);
  expect(ownersOf(lines)).toEqual({ users: [], groups: ['crontab'] });
  expect(formatEvr({ epoch: '1', version: '2', release: '3' })).toBe('1:2-3');
});
