/** Files in places where they should not be: outside, below what is no directory, behind links, in each other's way. */
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import type { Draft, Mutation } from './draft.ts';
import { added, behind, escaped, outside, up } from './outside.ts';

/** The file a, somewhere else. */
const moved =
  (directory: string, name: string) =>
  (draft: Draft): void =>
    draft.rename('a', directory, name);
export const pathMutations: Mutation[] = [
  ['a name that is ..', 'PACKAGE_INVALID', moved('/opt/m/', '..')],
  ['a name that is .', 'PACKAGE_INVALID', moved('/opt/m/', '.')],
  ['an empty name', 'PACKAGE_INVALID', moved('/opt/m/', '')],
  ['a name that leads up', 'PACKAGE_INVALID', moved('/opt/m/', `${up}tmp/${escaped}`)],
  ['a name with a directory', 'INSTALL_FAILED', moved('/opt/m/', 'sub/a')],
  ['a directory that leads up', 'PACKAGE_INVALID', moved(`/opt/m/${up}var/tmp/`, escaped)],
  ['a directory that leads up and comes back', 'PACKAGE_INVALID', moved('/opt/m/sub/../', 'a')],
  ['a directory that begins with ..', 'PACKAGE_INVALID', moved(`${up}tmp/`, escaped)],
  ['a directory without its slash', 'PACKAGE_INVALID', moved('/opt/m', 'a')],
  ['a directory that is empty', 'INSTALL_FAILED', moved('', escaped)],
  ['a directory of many slashes', 'PACKAGE_INVALID', moved('//opt//m/', 'a')],
  ['a directory with a dot', 'PACKAGE_INVALID', moved('/opt/./m/', 'a')],
  ['a path of more than 4096 bytes', 'PACKAGE_INVALID', moved(`/opt/m/${'d/'.repeat(2100)}`, 'a')],
  ['a path of many directories', 'built', moved(`/opt/m/${'d/'.repeat(500)}`, 'a')],
  ['a name of 255 bytes', 'INSTALL_FAILED', moved('/opt/m/', 'n'.repeat(255))],
  ['a name of 250 bytes', 'built', moved('/opt/m/', 'n'.repeat(245))],
  ['a name of 256 bytes', 'INSTALL_FAILED', moved('/opt/m/', 'n'.repeat(256))],
  ['a name with a line break', 'built', moved('/opt/m/', 'a\nb')],
  ['a name with an escape', 'built', moved('/opt/m/', '\u001b[31ma')],
  ['a name that is no UTF-8', 'built', moved('/opt/m/', 'caf\u00e9')],
  ['a name of a space', 'built', moved('/opt/m/', ' ')],
  ['a name that a layer reads as a deletion', 'IMAGE_UNREPRESENTABLE', moved('/opt/m/', '.wh.conf')],
  ['a name that a layer reads as opaque', 'IMAGE_UNREPRESENTABLE', moved('/opt/m/', '.wh..wh..opq')],
  ['a name like those that rpm writes under', 'built', moved('/opt/m/', 'doc;6b0a2659')],
  ['a path that the package has already', 'PACKAGE_INVALID', moved('/opt/m/', 'doc')],
  ['a path that it has as a directory', 'PACKAGE_INVALID', moved('/opt/m/', 'sub')],
  ['a directory index that is out of range', 'PACKAGE_INVALID', (d) => d.set('DIRINDEXES', 'a', 4)],
  ['a directory index far out of range', 'PACKAGE_INVALID', (d) => d.set('DIRINDEXES', 'a', 0xffffffff)],
  ['another directory index', 'INSTALL_FAILED', (d) => d.set('DIRINDEXES', 'a', 0)],
  ['too few directory indexes', 'PACKAGE_INVALID', (d) => d.edit('DIRINDEXES', (all) => all.slice(1))],
  ['too many names', 'PACKAGE_INVALID', (d) => d.edit('BASENAMES', (all) => [...all, 'more'])],
  ['no directories', 'PACKAGE_INVALID', (d) => d.remove('DIRNAMES')],
  ['no names', 'PACKAGE_INVALID', (d) => d.remove('BASENAMES')],
  [
    'old file names beside new ones',
    'PACKAGE_INVALID',
    (d) => d.put('OLDFILENAMES', ...d.paths.map((path) => `${path}x`)),
  ],
  [
    'old file names alone',
    'built',
    (d) => {
      d.put('OLDFILENAMES', ...d.paths);
      for (const tag of ['DIRNAMES', 'DIRINDEXES', 'BASENAMES'] as const) d.remove(tag);
    },
  ],
  ['directories that nobody owns', 'built', added('/new/and/deep/file')],
  ['the root directory', 'built', (d) => d.addDirectory('/', 0o700)],
  ['a file behind a link of its own', 'INSTALL_FAILED', added('/opt/m/way/inside')],
  ['a file behind an absolute link of its own', 'INSTALL_FAILED', added('/opt/m/absolute/inside')],
  ["a file behind another's link", 'built', added('/opt/n/inside/through')],
  [
    "a file behind another's absolute link that leads out",
    'INSTALL_FAILED',
    added(`/opt/n/outside/${escaped}`),
  ],
  ["a file behind another's link that leads up", 'INSTALL_FAILED', added(`/opt/n/above/${escaped}`)],
  [
    'a link that leads out, and a file behind it',
    'INSTALL_FAILED',
    behind('/out', outside, `/out/${escaped}`),
  ],
  [
    'a link that leads up, and a file behind it',
    'INSTALL_FAILED',
    behind('/opt/m/up', `${up}${outside}`, `/opt/m/up/${escaped}`),
  ],
  [
    'a link to the root, and files behind it',
    'INSTALL_FAILED',
    behind('/opt/m/root', '/', '/opt/m/root/etc/x', '/opt/m/root/y'),
  ],
  [
    'a link to itself, and a file behind it',
    'INSTALL_FAILED',
    behind('/opt/m/self', 'self', '/opt/m/self/x'),
  ],
  [
    'a link to nothing, and a file behind it',
    'INSTALL_FAILED',
    behind('/opt/m/gone', 'nowhere', '/opt/m/gone/x'),
  ],
  [
    'a link to a file, and a file behind it',
    'INSTALL_FAILED',
    behind('/opt/m/tofile', 'a', '/opt/m/tofile/x'),
  ],
  ['a file below a file', 'INSTALL_FAILED', added('/opt/m/a/x')],
  ["a file below another's file", 'INSTALL_FAILED', added('/opt/n/file/x')],
  ['a file below a fifo', 'INSTALL_FAILED', added('/opt/m/fifo/x')],
  ['a file below a device', 'INSTALL_FAILED', added('/opt/m/null/x')],
  ['one place by two ways', 'built', added('/opt/m/sub/twice', '/opt/m/way/twice')],
  [
    'one place by two ways, with other content',
    'INSTALL_FAILED',
    (d) => {
      d.add('/opt/m/sub/twice', { content: 'one way\n' });
      d.add('/opt/m/way/twice', { content: 'the other\n' });
    },
  ],
  ["another's file, the same", 'built', (d) => d.add('/opt/n/file', { content: 'neighbour\n' })],
  ["another's file, with other content", 'INSTALL_FAILED', added('/opt/n/file')],
  [
    "another's file, with another mode",
    'INSTALL_FAILED',
    (d) => d.add('/opt/n/file', { content: 'neighbour\n', mode: fileType.regular | 0o600 }),
  ],
  ['a file where another has a directory', 'INSTALL_FAILED', added('/opt/n/room')],
  ['a directory where another has a file', 'INSTALL_FAILED', (d) => d.addDirectory('/opt/n/file')],
  [
    'a link where another has a directory',
    'INSTALL_FAILED',
    behind('/opt/n/room', '../m/sub', '/opt/n/room/x'),
  ],
  ['a directory where another has a link', 'INSTALL_FAILED', (d) => d.addDirectory('/opt/n/inside')],
  [
    'a directory where another has a link that leads out',
    'INSTALL_FAILED',
    (d) => d.addDirectory('/opt/n/outside', 0o711),
  ],
  ['a link where another has a link', 'INSTALL_FAILED', behind('/opt/n/inside', '../m')],
  ['a link in the way of everything', 'INSTALL_FAILED', behind('/opt', 'elsewhere')],
  ['a link that leads out in the way of everything', 'INSTALL_FAILED', behind('/opt', outside)],
  ['a link to the root in the way of everything', 'INSTALL_FAILED', behind('/opt', '/')],
  ['a directory that is a link too', 'PACKAGE_INVALID', behind('/opt/m/sub', 'deep')],
];
