/** Flags, capabilities, times and owners. */
import type { Draft, Mutation } from './draft.ts';

const flags = (path: string, value: number) => (draft: Draft) => draft.set('FILEFLAGS', path, value);
const caps = (path: string, value: string) => (draft: Draft) => draft.set('FILECAPS', path, value);
const user = (value: string) => (draft: Draft) => draft.set('FILEUSERNAME', 'a', value);
const mtime = (value: number) => (draft: Draft) => draft.set('FILEMTIMES', 'a', value);

export const flagMutations: Mutation[] = [
  ['a ghost that the archive has', 'built', flags('a', 1 << 6)],
  ['a directory that is a ghost', 'built', flags('sub', 1 << 6)],
  ['a link that is a ghost', 'built', flags('way', 1 << 6)],
  ['a ghost that is none', 'INSTALL_FAILED', flags('ghost', 0)],
  ['every flag', 'built', flags('a', 0xffffffff)],
  ['every flag but that of a ghost', 'built', flags('a', 0xffffffbf)],
  ['every file documentation', 'INSTALL_FAILED', (d) => d.edit('FILEFLAGS', (all) => all.map(() => 2))],
  ['a configuration of other kinds', 'built', flags('link', 1 | (1 << 4))],
  ['a missing file that may', 'built', flags('a', 1 << 3)],
  ['a language', 'built', (d) => d.set('FILELANGS', 'a', 'de')],
  ['languages of no form', 'built', (d) => d.set('FILELANGS', 'a', '||%{_tmppath}|')],
  ['capabilities of no form', 'INSTALL_FAILED', caps('a', 'cap_everything')],
  ['capabilities that take all', 'built', caps('a', '=')],
  ['all capabilities', 'built', caps('a', 'all=eip')],
  ['capabilities of a directory', 'built', caps('sub', 'cap_chown=ep')],
  ['capabilities of a link', 'built', caps('link', 'cap_chown=ep')],
  ['capabilities of a device', 'built', caps('null', 'cap_chown=ep')],
  ['capabilities of a fifo', 'built', caps('fifo', 'cap_chown=ep')],
  ['capabilities of a setuid file', 'built', caps('setuid', 'cap_chown+p')],
  ['no verify flags', 'built', (d) => d.edit('FILEVERIFYFLAGS', (all) => all.map(() => 0))],
  ['a time of 0', 'built', mtime(0)],
  ['a time in 2038', 'built', mtime(0x80000000)],
  ['the last time', 'built', mtime(0xffffffff)],
  ['no times', 'built', (d) => d.remove('FILEMTIMES')],
  ['an owner whom nobody makes', 'OWNER_UNKNOWN', user('nobody-has-it')],
  ['an owner that is a number', 'OWNER_UNKNOWN', user('1000')],
  ['an owner of no name', 'OWNER_UNKNOWN', user('')],
  ['an owner with a colon', 'OWNER_UNKNOWN', user('root:x:0')],
  ['an owner of 70000 letters', 'OWNER_UNKNOWN', user('o'.repeat(70_000))],
  ['a group that is none', 'OWNER_UNKNOWN', (d) => d.set('FILEGROUPNAME', 'a', '../../etc')],
  ['no owners', 'PACKAGE_INVALID', (d) => d.remove('FILEUSERNAME')],
  ['colours', 'built', (d) => d.edit('FILECOLORS', (all) => all.map((_, index) => index % 4))],
  [
    'a path to relocate',
    'built',
    (d) => {
      d.header.push({ tag: 1098, type: 'strings', values: ['/opt'] });
    },
  ],
  ['states of files', 'INSTALL_FAILED', (d) => d.put('FILESTATES', ...d.paths.map(() => 1))],
  ['a time of installation', 'built', (d) => d.put('INSTALLTIME', 0xffffffff)],
];
