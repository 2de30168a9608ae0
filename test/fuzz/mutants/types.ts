/** Types, modes and targets of links. */
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import type { Draft, Mutation } from './draft.ts';
import { outside } from './outside.ts';

const mode = (path: string, value: number) => (draft: Draft) => draft.mode(path, value);
const target = (value: string) => (draft: Draft) => draft.content('link', value);

const { regular, directory, link, character, block, fifo, socket } = fileType;
export const typeMutations: Mutation[] = [
  ['a file of no type', 'INSTALL_FAILED', mode('a', 0o644)],
  ['a file of an unknown type', 'INSTALL_FAILED', mode('a', 0o050644)],
  ['a file of type 0xf000', 'INSTALL_FAILED', mode('a', 0xffff)],
  ['a socket', 'IMAGE_UNREPRESENTABLE', mode('empty', socket | 0o755)],
  ['an empty file that is a directory', 'built', mode('empty', directory | 0o755)],
  ['a file that is a directory', 'INSTALL_FAILED', mode('a', directory | 0o755)],
  ['a file that is a link', 'PACKAGE_INVALID', mode('a', link | 0o777)],
  [
    'a file that is a link to out',
    'built',
    (d) => {
      d.mode('a', link | 0o777);
      d.content('a', `${outside}/passwd`);
    },
  ],
  ['a file that is a device', 'INSTALL_FAILED', mode('a', character | 0o666)],
  [
    'an empty file that is a disk',
    'built',
    (d) => {
      d.mode('empty', block | 0o660);
      d.set('FILERDEVS', 'empty', 8 << 8);
    },
  ],
  ['a link that is a file', 'INSTALL_FAILED', mode('link', regular | 0o644)],
  ['a link that is a directory', 'INSTALL_FAILED', mode('link', directory | 0o755)],
  ['a directory that is a file', 'INSTALL_FAILED', mode('sub', regular | 0o644)],
  ['an empty directory that is a file', 'INSTALL_FAILED', mode('sub/deep', regular | 0o644)],
  ['a directory that is a fifo', 'INSTALL_FAILED', mode('sub', fifo | 0o644)],
  ['a device that is a fifo', 'built', mode('null', fifo | 0o644)],
  ['a device that is a disk', 'IMAGE_UNREPRESENTABLE', mode('null', block | 0o666)],
  ['a device that is a file', 'INSTALL_FAILED', mode('null', regular | 0o644)],
  ['a device of large numbers', 'IMAGE_UNREPRESENTABLE', (d) => d.set('FILERDEVS', 'null', 0xffff)],
  ['a device of no numbers', 'built', (d) => d.remove('FILERDEVS')],
  ['another type in the header alone', 'PACKAGE_INVALID', (d) => d.set('FILEMODES', 'a', link | 0o777)],
  ['another type in the archive alone', 'PACKAGE_INVALID', (d) => d.field('mode', 'a', link | 0o777)],
  ['another mode in the archive alone', 'built', (d) => d.field('mode', 'a', regular | 0o4777)],
  ['every bit of a mode', 'built', mode('a', regular | 0o7777)],
  ['no bit of a mode', 'built', mode('a', regular)],
  ['a directory that nobody may enter', 'built', mode('sub', directory)],
  ['a directory with every bit', 'built', mode('sub/deep', directory | 0o7777)],
  ['a link of mode 0', 'built', mode('link', link)],
  ['a fifo that is setuid', 'built', mode('fifo', fifo | 0o6755)],
  ['too few modes', 'PACKAGE_INVALID', (d) => d.edit('FILEMODES', (all) => all.slice(1))],
  ['no modes', 'PACKAGE_INVALID', (d) => d.remove('FILEMODES')],
  ['a link to an absolute path that leads out', 'built', target(`${outside}/passwd`)],
  ['a link up', 'built', target(`${'../'.repeat(20)}etc/passwd`)],
  ['a link to nothing', 'PACKAGE_INVALID', target('')],
  ['a link to itself', 'built', target('link')],
  ['a link with a line break', 'built', target('a\nb')],
  ['a link that is no UTF-8', 'built', target('caf\u00e9')],
  ['a link of 4095 bytes', 'built', target('l'.repeat(4095))],
  ['a link of 4096 bytes', 'INSTALL_FAILED', target('l'.repeat(4096))],
  ['a link of 70000 bytes', 'INSTALL_FAILED', target('l'.repeat(70_000))],
  [
    'another target in the archive',
    'PACKAGE_INVALID',
    (d) => {
      d.member('link').content = Buffer.from('b');
    },
  ],
  ['another target in the header', 'PACKAGE_INVALID', (d) => d.set('FILELINKTOS', 'link', 'b')],
  ['a target of a file', 'built', (d) => d.set('FILELINKTOS', 'a', '/etc/passwd')],
  ['no targets', 'PACKAGE_INVALID', (d) => d.remove('FILELINKTOS')],
];
