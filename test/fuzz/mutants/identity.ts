/** What a package says of itself. */
import type { Mutation } from './draft.ts';
import { escaped } from './outside.ts';

export const identityMutations: Mutation[] = [
  ['a package name that leads up', 'REPO_INVALID', (d) => d.put('NAME', '../mutant')],
  ['a package name of 200 letters', 'built', (d) => d.put('NAME', 'n'.repeat(200))],
  ['a package name of 300 letters', 'PACKAGE_INVALID', (d) => d.put('NAME', 'n'.repeat(300))],
  ['a package name of 5000 letters', 'PACKAGE_INVALID', (d) => d.put('NAME', 'n'.repeat(5000))],
  ['a version with a hyphen', 'built', (d) => d.put('VERSION', '1-2')],
  ['a release with a space', 'REPO_INVALID', (d) => d.put('RELEASE', '1 2')],
  ['a version that is none', 'REPO_INVALID', (d) => d.remove('VERSION')],
  ['another architecture', 'SOLVE_FAILED', (d) => d.put('ARCH', 'vax')],
  [
    'another system',
    'INSTALL_FAILED',
    (d) => void (d.header = d.header.map((one) => (one.tag === 1021 ? { ...one, values: ['hurd'] } : one))),
  ],
  ['an epoch of 4 billion', 'built', (d) => d.put('EPOCH', 0xffffffff)],
  ['another name in what it provides', 'built', (d) => d.put('PROVIDENAME', 'rpm')],
  [
    'a requirement that nobody meets',
    'SOLVE_FAILED',
    (d) => d.edit('REQUIRENAME', (all) => all.with(0, 'nobody-has-it')),
  ],
  [
    'a feature of rpm that nobody knows',
    'INSTALL_FAILED',
    (d) => d.edit('REQUIRENAME', (all) => all.with(0, 'rpmlib(Tomorrow)')),
  ],
  [
    'a conflict with its neighbour',
    'SOLVE_FAILED',
    (d) => {
      d.put('CONFLICTNAME', 'mutant-neighbour');
      d.put('CONFLICTFLAGS', 0);
      d.put('CONFLICTVERSION', '');
    },
  ],
  [
    'a scriptlet without a shell',
    'SCRIPTLET_FAILED',
    (d) => {
      d.put('POSTIN', 'true');
      d.put('POSTINPROG', '/bin/sh');
    },
  ],
  [
    'a scriptlet that writes',
    'built',
    (d) => {
      d.put(
        'POSTIN',
        `for _, path in ipairs({"/opt/m/a", "/opt/n/outside", "/../../${escaped}"}) do local f = io.open(path, "w") if f then f:write("lua") f:close() end end`,
      );
      d.put('POSTINPROG', '<lua>');
    },
  ],
  [
    'a scriptlet that fails',
    'SCRIPTLET_FAILED',
    (d) => {
      d.put('PREIN', 'error("no")');
      d.put('PREINPROG', '<lua>');
    },
  ],
  [
    'a scriptlet that fails after many words',
    'SCRIPTLET_FAILED',
    (d) => {
      d.put('PREIN', 'for line = 1, 100100 do print(line) end error("no")');
      d.put('PREINPROG', '<lua>');
    },
  ],
  ['a source package', 'INSTALL_FAILED', (d) => d.put('SOURCEPACKAGE', 1)],
  ['no source package', 'built', (d) => d.remove('SOURCERPM')],
];
