/** The rules of rpm -V for one file. rpm itself is the oracle in test/integration/layer/verification. */
import { expect, test } from 'vitest';
import type { ScanEntry } from '../host/native.ts';
import { byteString } from '../host/paths.ts';
import { capabilityXattr } from './capabilities.ts';
import type { FileState } from './database.ts';
import { fileType, type RpmFile } from './file-list.ts';
import { differingColumns, isExpected, markerOf } from './verify-file.ts';

const { regular, directory, link, character } = fileType;
const none = { config: false, doc: false, ghost: false };
const digest = { algorithm: 'sha256', hex: 'aa' } as const;

const header = (more: object = {}): RpmFile =>
  ({
    path: byteString('some/file'),
    mode: regular | 0o644,
    user: 'root',
    group: 'root',
    size: 3,
    mtime: 100,
    digest,
    flags: none,
    capabilities: '',
    deviceMajor: 0,
    deviceMinor: 0,
    verifyFlags: 0xffffffff,
    ...more,
  }) as RpmFile;

const entry = (more: Partial<ScanEntry> = {}): ScanEntry =>
  ({
    mode: regular | 0o644,
    uid: 0,
    gid: 0,
    size: 3,
    mtimeSeconds: 100,
    deviceMajor: 0,
    deviceMinor: 0,
    ...more,
  }) as ScanEntry;

interface Case {
  file?: object;
  found?: Partial<ScanEntry>;
  hex?: string;
  isShared?: boolean;
  state?: FileState;
  owner?: { uid: number | undefined; gid: number | undefined };
}

const node = (deviceMajor: number, deviceMinor: number) => ({
  mode: character | 0o644,
  deviceMajor,
  deviceMinor,
});
const capability = (text: string) => ({
  xattrs: { 'security.capability': capabilityXattr(text, (what) => new Error(what))! },
});
const list = { xattrs: { 'system.posix_acl_access': Buffer.alloc(4) } };
const target = (text: string) => ({ mode: link | 0o777, target: byteString(text), size: text.length });

const cases: [string, Case, string | undefined][] = [
  ['as packaged', {}, undefined],
  ['content alone', { hex: 'bb' }, '..5......'],
  ['size and content', { hex: 'bb', found: { size: 4 } }, 'S.5......'],
  ['time', { found: { mtimeSeconds: 101 } }, '.......T.'],
  ['time of a shared file', { found: { mtimeSeconds: 101 }, isShared: true }, undefined],
  ['mode', { found: { mode: regular | 0o600 } }, '.M.......'],
  ['an access list', { found: list }, '.M.......'],
  ['owner and group', { found: { uid: 1, gid: 1 } }, '.....UG..'],
  ['an unknown owner is root', { owner: { uid: undefined, gid: undefined } }, undefined],
  [
    'an unknown owner has no setuid mode',
    {
      file: { mode: regular | 0o4755 },
      found: { mode: regular | 0o4755 },
      owner: { uid: undefined, gid: 0 },
    },
    '.M.......',
  ],
  ['no digest in the header', { file: { digest: undefined } }, '..5......'],
  [
    'a ghost of other content',
    { file: { flags: { ...none, ghost: true } }, hex: 'bb', found: { size: 9 } },
    undefined,
  ],
  [
    'a ghost of another type',
    { file: { flags: { ...none, ghost: true } }, found: { mode: directory | 0o644 } },
    undefined,
  ],
  ['a replaced file', { state: 'replaced', hex: 'bb', found: { mode: 0, uid: 9 } }, undefined],
  [
    'a file of the other word size',
    { state: 'wrongcolor', hex: 'bb', found: { size: 9, uid: 1 } },
    '.....U...',
  ],
  ['nothing to compare', { file: { verifyFlags: 0 }, hex: 'bb', found: { uid: 9 } }, undefined],
  ['a link in its place', { found: target('x') }, '....L....'],
  ['a directory in its place', { found: { mode: directory | 0o644, size: 4096 } }, '.M.......'],
  ['another node', { file: node(1, 3), found: node(1, 5) }, '...D.....'],
  ['a node whose number has more bits', { file: node(1, 3), found: node(257, 3) }, undefined],
  ['no node', { file: { ...node(1, 3), digest: undefined } }, 'SM5D.....'],
  ['a capability too many', { found: capability('cap_chown=p') }, '........P'],
  ['a capability that is gone', { file: { capabilities: 'cap_chown=p' } }, '........P'],
  ['none is not nothing', { found: capability('=') }, '........P'],
  [
    'the same capability',
    { file: { capabilities: 'cap_chown=p' }, found: capability('cap_chown+p') },
    undefined,
  ],
  ['capabilities that libcap rejects are none', { file: { capabilities: 'cap_none=p' } }, undefined],
];

test.each(cases)('%s', (_, one, expected) => {
  const { hex = digest.hex, isShared = false, state = 'normal', owner = { uid: 0, gid: 0 } } = one;
  const found = { entry: entry(one.found), digest: hex, isShared };
  expect(differingColumns(header(one.file), state, found, owner)).toBe(expected);
});

test('what rpm did not install need not exist', () => {
  const states: FileState[] = ['normal', 'replaced', 'wrongcolor', 'missing', 'notinstalled', 'netshared'];
  expect(states.filter(isExpected)).toEqual(['normal', 'replaced', 'wrongcolor', 'missing']);
});

test('the first of the kinds of a file is its marker', () => {
  const flags = (...names: string[]) =>
    header({ flags: Object.fromEntries(names.map((name) => [name, true])) });
  expect(['', 'config', 'ghost', 'artifact'].map((name) => markerOf(flags(name)))).toEqual([
    '',
    'c',
    'g',
    'a',
  ]);
  expect(markerOf(flags('config', 'doc', 'ghost'))).toBe('d');
  expect(markerOf(flags('noreplace', 'missingok'))).toBe('m');
});
