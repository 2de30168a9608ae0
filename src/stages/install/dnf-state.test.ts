import { expect, test } from 'vitest';
import { recordReasons, type Reasons } from './dnf-state.ts';

type Installed = Reasons['packages'][number];

function installed(name: string, provides: string[] = [], files: string[] = [], arch = 'x86_64'): Installed {
  return {
    name,
    version: '1',
    release: '2',
    arch,
    nevra: `${name}-1-2.${arch}`,
    provides: provides.map((one) => ({ name: one, flags: 0, version: '' })),
    files: files.map((path) => ({ path })) as Installed['files'],
  };
}

const packages = [
  installed('bash'),
  installed('glibc'),
  installed('httpd', ['webserver'], ['usr/bin/httpd']),
];
const reasons = (words: string[], before = '', removed: string[] = [], retained: string[] = []) =>
  recordReasons(before, { words, packages, retained, removed });
const all = (bash: string, glibc: string, httpd: string) =>
  `version = "1.0"\n[packages]\n"bash.x86_64" = {reason="${bash}"}\n"glibc.x86_64" = {reason="${glibc}"}\n"httpd.x86_64" = {reason="${httpd}"}\n`;

test.each([
  ['bash', all('User', 'Dependency', 'Dependency')],
  ['bash.x86_64', all('User', 'Dependency', 'Dependency')],
  ['bash-1-2.x86_64', all('User', 'Dependency', 'Dependency')],
  ['webserver', all('Dependency', 'Dependency', 'User')],
  ['/usr/bin/httpd', all('Dependency', 'Dependency', 'User')],
])('what is asked for as %s is the user’s', (word, expected) => {
  expect(reasons([word])).toBe(expected);
});

test.each(['@core', 'ba*', '(bash or zsh)', 'bash >= 1', 'nothing'])('nothing is told of %s', (word) => {
  expect(reasons(['bash', word])).toBe('version = "1.0"\n[packages]\n');
});

test("the base's records stay, but for what is gone and what is asked for now", () => {
  const before = recordReasons('', {
    words: ['filesystem'],
    packages: ['filesystem', 'setup', 'vim', 'zlib'].map((name) => installed(name, [], [], 'noarch')),
    retained: [],
    removed: [],
  });
  expect(reasons(['bash', 'setup'], before, ['vim-1-2.noarch'])).toBe(
    [
      'version = "1.0"\n[packages]',
      '"bash.x86_64" = {reason="User"}',
      '"filesystem.noarch" = {reason="User"}',
      '"glibc.x86_64" = {reason="Dependency"}',
      '"httpd.x86_64" = {reason="Dependency"}',
      '"setup.noarch" = {reason="User"}',
      '"zlib.noarch" = {reason="Dependency"}',
      '',
    ].join('\n'),
  );
});

test('a version that goes takes no record with it that another needs', () => {
  const before = 'version = "1.0"\n[packages]\n"kernel.x86_64" = {reason="User"}\n';
  const [gone, stays] = ['kernel-1-1.x86_64', 'kernel-2-1.x86_64'];
  expect(reasons(['@core'], before, [gone])).not.toContain('kernel');
  expect(reasons(['@core'], before, [gone], [stays])).toBe(before);
});
