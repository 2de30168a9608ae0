/** Entries of an archive that are not what the header promises. */
import type { Draft, Mutation } from './draft.ts';
import { escaped, outside } from './outside.ts';

/** An entry of the archive that the header does not list. */
const named = (name: string) => (draft: Draft) => {
  const like = draft.member('a');
  const fields = like.fields.with(11, name.length + 1);
  draft.archive.push({ ...like, fields, name: Buffer.from(name) });
};
/** The entry of `a`, under another name. */
const renamed = (name: string) => (draft: Draft) => {
  const member = draft.member('a');
  member.name = Buffer.from(name);
  member.fields[11] = name.length + 1;
};
const stripped = (draft: Draft) => {
  const { paths } = draft;
  for (const member of draft.archive) {
    member.magic = '07070X';
    member.fields = [paths.indexOf(member.name.toString('latin1').slice(1))];
  }
};

export const entryMutations: Mutation[] = [
  ['an entry that the header does not list', 'INSTALL_FAILED', named(`./opt/m/${escaped}`)],
  ['an entry that leads up', 'INSTALL_FAILED', named(`./${'../'.repeat(12)}tmp/${escaped}`)],
  ['an entry that leads out', 'INSTALL_FAILED', named(`${outside}/${escaped}`)],
  ['an entry under its whole name', 'built', renamed('/opt/m/a')],
  ['an entry without its dot', 'built', renamed('opt/m/a')],
  ['an entry by another way', 'INSTALL_FAILED', renamed('./opt/m/../m/a')],
  ['an entry with a null in its name', 'PACKAGE_INVALID', renamed('./opt/m/a\0b')],
  ['an entry twice', 'INSTALL_FAILED', (d) => void d.archive.push(d.member('a'))],
  ['a directory twice', 'PACKAGE_INVALID', (d) => void d.archive.push(d.member('sub'))],
  [
    'an entry that is missing',
    'INSTALL_FAILED',
    (d) => void d.archive.splice(d.archive.indexOf(d.member('a')), 1),
  ],
  [
    'a directory that is missing',
    'INSTALL_FAILED',
    (d) => void d.archive.splice(d.archive.indexOf(d.member('sub')), 1),
  ],
  [
    'a link that is missing',
    'INSTALL_FAILED',
    (d) => void d.archive.splice(d.archive.indexOf(d.member('link')), 1),
  ],
  ['entries in the other order', 'built', (d) => void (d.archive = d.archive.toReversed())],
  ['no entries', 'INSTALL_FAILED', (d) => void (d.archive = [])],
  [
    'more content than declared',
    'INSTALL_FAILED',
    (d) => {
      d.member('a').content = Buffer.from('a file and more\n');
      d.field('size', 'a', 16);
    },
  ],
  [
    'more content than the archive says',
    'INSTALL_FAILED',
    (d) => {
      d.member('a').content = Buffer.from('a file and more\n');
    },
  ],
  [
    'less content than declared',
    'INSTALL_FAILED',
    (d) => {
      d.member('a').content = Buffer.from('a\n');
      d.field('size', 'a', 2);
    },
  ],
  ['a size of 4 GiB in the archive', 'PACKAGE_INVALID', (d) => d.field('size', 'a', 0xffffffff)],
  [
    'a size of 2 GiB, at the end',
    'PACKAGE_INVALID',
    (d) => {
      d.archive.push(...d.archive.splice(d.archive.indexOf(d.member('large')), 1));
      d.field('size', 'large', 0x7fffffff);
    },
  ],
  [
    'a directory with content',
    'INSTALL_FAILED',
    (d) => {
      d.member('sub').content = Buffer.from('content\n');
      d.field('size', 'sub', 8);
    },
  ],
  [
    'a fifo with content',
    'INSTALL_FAILED',
    (d) => {
      d.member('fifo').content = Buffer.from('content\n');
      d.field('size', 'fifo', 8);
    },
  ],
  [
    'a device with content',
    'INSTALL_FAILED',
    (d) => {
      d.member('null').content = Buffer.from('content\n');
      d.field('size', 'null', 8);
    },
  ],
  [
    'a link without content',
    'INSTALL_FAILED',
    (d) => {
      d.member('link').content = Buffer.alloc(0);
      d.field('size', 'link', 0);
    },
  ],
  ['stripped entries', 'built', stripped],
  [
    'stripped entries, one out of range',
    'INSTALL_FAILED',
    (d) => {
      stripped(d);
      d.archive[3]!.fields = [0xffffffff];
    },
  ],
  [
    'stripped entries, one twice',
    'INSTALL_FAILED',
    (d) => {
      stripped(d);
      d.archive.push(d.archive[1]!);
    },
  ],
  [
    'stripped entries, one a ghost',
    'INSTALL_FAILED',
    (d) => {
      const ghost = d.index('ghost');
      stripped(d);
      d.archive[1]!.fields = [ghost];
    },
  ],
  ['an entry with a checksum', 'built', (d) => void (d.member('a').magic = '070702')],
  ['an entry of another archive', 'INSTALL_FAILED', (d) => void (d.member('a').magic = '070707')],
  ['an entry of no archive', 'INSTALL_FAILED', (d) => void (d.member('a').magic = 'ustar ')],
  ['a name of no length', 'INSTALL_FAILED', (d) => void (d.member('a').fields[11] = 0)],
  ['a name of 4 GiB', 'INSTALL_FAILED', (d) => void (d.member('a').fields[11] = 0xffffffff)],
  [
    'a trailer in the middle',
    'INSTALL_FAILED',
    (d) => {
      const [first] = d.archive;
      d.archive.splice(5, 0, {
        ...first!,
        name: Buffer.from('TRAILER!!!'),
        fields: first!.fields.map((_, i) => (i === 11 ? 11 : 0)),
      });
    },
  ],
];
