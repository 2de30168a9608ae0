/** Sizes and digests that are not those of the content. */
import { createHash } from 'node:crypto';
import type { Draft, Mutation } from './draft.ts';

const size = (value: number) => (draft: Draft) => draft.set('FILESIZES', 'a', value);
const digest = (value: string) => (draft: Draft) => draft.set('FILEDIGESTS', 'a', value);

/** Right ones, of another algorithm. */
function redigested(number: number, algorithm: string) {
  return (draft: Draft): void => {
    draft.put('FILEDIGESTALGO', number);
    draft.edit('FILEDIGESTS', (digests) =>
      draft.paths.map((path, index) => {
        if (String(digests[index]) === '') return '';
        // The last of several names brings the content; the archive has no ghost.
        const name = path.includes('hard') ? '/opt/m/sub/hard-3' : path;
        const content = path.endsWith('ghost') ? 'ghost\n' : draft.member(name).content;
        return createHash(algorithm).update(content).digest('hex');
      }),
    );
  };
}

export const contentMutations: Mutation[] = [
  ['a size that is too small', 'INSTALL_FAILED', size(3)],
  ['a size that is too large', 'INSTALL_FAILED', size(100)],
  ['a size of 0', 'INSTALL_FAILED', size(0)],
  ['a size of 4 GiB', 'INSTALL_FAILED', size(0xffffffff)],
  ['a size of 2 GiB', 'INSTALL_FAILED', size(0x80000000)],
  ['too few sizes', 'PACKAGE_INVALID', (d) => d.edit('FILESIZES', (all) => all.slice(1))],
  ['no sizes', 'PACKAGE_INVALID', (d) => d.remove('FILESIZES')],
  [
    'long sizes',
    'built',
    (d) => {
      d.put('LONGFILESIZES', ...d.values('FILESIZES'));
      d.remove('FILESIZES');
    },
  ],
  [
    'long sizes of 1 TiB',
    'DISK_FULL',
    (d) => {
      d.put('LONGFILESIZES', ...d.values('FILESIZES').map(() => 2n ** 40n));
      d.remove('FILESIZES');
    },
  ],
  [
    'long sizes that are absurd',
    'PACKAGE_INVALID',
    (d) => {
      d.put('LONGFILESIZES', ...d.values('FILESIZES').map(() => 2n ** 64n - 1n));
      d.remove('FILESIZES');
    },
  ],
  ['the size of a directory', 'built', (d) => d.set('FILESIZES', 'sub', 0x7fffffff)],
  ['the size of a link', 'INSTALL_FAILED', (d) => d.set('FILESIZES', 'link', 100)],
  ['the size of a device', 'built', (d) => d.set('FILESIZES', 'null', 100)],
  [
    'a package of 2 TiB',
    'built',
    (d) => {
      d.put('LONGSIZE', 2n ** 41n);
      d.remove('SIZE');
    },
  ],
  ['another digest', 'INSTALL_FAILED', digest('0'.repeat(64))],
  ['no digest', 'INSTALL_FAILED', digest('')],
  ['a digest that is none', 'INSTALL_FAILED', digest('no digest')],
  ['half a digest', 'INSTALL_FAILED', digest('ab'.repeat(16))],
  [
    'a digest in capitals',
    'built',
    (d) => d.set('FILEDIGESTS', 'a', String(d.values('FILEDIGESTS')[d.index('a')]).toUpperCase()),
  ],
  ['no digests at all', 'INSTALL_FAILED', (d) => d.remove('FILEDIGESTS')],
  ['digests of another algorithm', 'INSTALL_FAILED', (d) => d.put('FILEDIGESTALGO', 1)],
  ['digests of no algorithm', 'PACKAGE_INVALID', (d) => d.put('FILEDIGESTALGO', 99)],
  ['digests of an unnamed algorithm', 'INSTALL_FAILED', (d) => d.remove('FILEDIGESTALGO')],
  ['digests by MD5', 'built', redigested(1, 'md5')],
  ['digests by SHA-512', 'built', redigested(10, 'sha512')],
  [
    'content that is not the digest’s',
    'INSTALL_FAILED',
    (d) => {
      d.member('a').content = Buffer.from('b file\n');
    },
  ],
  [
    'content of a hard link that is not the digest’s',
    'INSTALL_FAILED',
    (d) => {
      d.member('sub/hard-3').content = Buffer.from('LINKED\n');
    },
  ],
];
