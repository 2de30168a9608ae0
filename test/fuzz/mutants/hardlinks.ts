/** Names of one file that do not agree on it. */
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import type { Draft, Mutation } from './draft.ts';

const flags = (path: string, value: number) => (draft: Draft) => draft.set('FILEFLAGS', path, value);
const caps = (path: string, value: string) => (draft: Draft) => draft.set('FILECAPS', path, value);

const same = (tag: 'FILEINODES' | 'FILEDEVICES', from: string, to: string) => (draft: Draft) =>
  draft.set(tag, to, draft.values(tag)[draft.index(from)]!);
export const hardLinkMutations: Mutation[] = [
  ['two files of one inode', 'INSTALL_FAILED', same('FILEINODES', 'a', 'doc')],
  [
    'two files of one inode and content',
    'INSTALL_FAILED',
    (d) => {
      d.content('conf', 'a file\n');
      same('FILEINODES', 'a', 'conf')(d);
    },
  ],
  ['a hard link to nowhere', 'INSTALL_FAILED', (d) => d.set('FILEINODES', 'hard-1', 4000)],
  ['the last hard link apart', 'INSTALL_FAILED', (d) => d.set('FILEINODES', 'sub/hard-3', 4000)],
  ['hard links of other devices', 'INSTALL_FAILED', (d) => d.set('FILEDEVICES', 'hard-2', 7)],
  [
    'hard links of inode 0',
    'INSTALL_FAILED',
    (d) => {
      for (const name of ['hard-1', 'hard-2', 'sub/hard-3']) d.set('FILEINODES', name, 0);
    },
  ],
  ['every file of one inode', 'INSTALL_FAILED', (d) => d.edit('FILEINODES', (all) => all.map(() => 5))],
  ['no inodes', 'INSTALL_FAILED', (d) => d.remove('FILEINODES')],
  ['another count of links', 'built', (d) => d.field('links', 'hard-1', 7)],
  ['a count of links for a single file', 'built', (d) => d.field('links', 'a', 3)],
  [
    'hard links of no count',
    'built',
    (d) => {
      for (const name of ['hard-1', 'hard-2', 'sub/hard-3']) d.field('links', name, 1);
    },
  ],
  ['hard links of other modes', 'built', (d) => d.mode('hard-1', fileType.regular | 0o4755)],
  ['hard links of other times', 'built', (d) => d.set('FILEMTIMES', 'hard-2', 1_000_000_000)],
  ['hard links of other owners', 'OWNER_UNKNOWN', (d) => d.set('FILEUSERNAME', 'hard-1', 'nobody-has-it')],
  ['hard links of other sizes', 'PACKAGE_INVALID', (d) => d.set('FILESIZES', 'hard-1', 3)],
  ['hard links of other digests', 'PACKAGE_INVALID', (d) => d.set('FILEDIGESTS', 'hard-2', '1'.repeat(64))],
  ['a hard link with capabilities', 'built', caps('hard-2', 'cap_chown=ep')],
  ['a hard link that is a ghost', 'PACKAGE_INVALID', flags('hard-1', 1 << 6)],
  ['the last hard link is a ghost', 'INSTALL_FAILED', flags('sub/hard-3', 1 << 6)],
  ['a hard link that is documentation', 'built', flags('hard-1', 2)],
  ['the last hard link is documentation', 'built', flags('sub/hard-3', 2)],
  [
    'a hard link where another has a file',
    'INSTALL_FAILED',
    (d) => {
      d.rename('hard-2', '/opt/n/', 'file');
    },
  ],
  [
    'content in the first hard link',
    'INSTALL_FAILED',
    (d) => {
      const [first, last] = [d.member('hard-1'), d.member('sub/hard-3')];
      first.content = last.content;
      first.fields[6] = 7;
      last.content = Buffer.alloc(0);
      last.fields[6] = 0;
    },
  ],
  [
    'content in every hard link',
    'INSTALL_FAILED',
    (d) => {
      for (const name of ['hard-1', 'hard-2']) {
        d.member(name).content = d.member('sub/hard-3').content;
        d.field('size', name, 7);
      }
    },
  ],
  [
    'content in no hard link',
    'INSTALL_FAILED',
    (d) => {
      d.member('sub/hard-3').content = Buffer.alloc(0);
      d.field('size', 'sub/hard-3', 0);
    },
  ],
];
