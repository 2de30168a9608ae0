/** Layers that mean harm to a tree that has the directory /there with a file in it, and a link /out that leads out of it. */
import { byteString } from '../../src/lib/host/paths.ts';
import type { TarEntry } from '../../src/stages/layer/tar/tar-entry.ts';
import { endOfArchive, padding, tarHeader } from './layer-writer/tar-writer.ts';

export type Part = Partial<Omit<TarEntry, 'path' | 'linkTarget'>> & {
  path: string;
  link?: string;
  content?: string;
};

export function tarOf(parts: readonly Part[]): Buffer {
  const blocks = parts.flatMap(({ path, link, content = '', ...rest }) => [
    tarHeader({
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 1,
      size: content.length,
      ...rest,
      path: byteString(path),
      linkTarget: byteString(link ?? ''),
    }),
    Buffer.from(content),
    padding(content.length),
  ]);
  return Buffer.concat([...blocks, endOfArchive]);
}

const directory = { type: 'directory', mode: 0o755 } as const;
export const character = { type: 'character', deviceMajor: 1, deviceMinor: 5 } as const;

export const harmful: [string, Part[]][] = [
  ['a path that leads upward', [{ path: '../escaped', content: 'x' }]],
  ['one that leads upward in its middle', [{ path: 'there/../../escaped', content: 'x' }]],
  ['an absolute path', [{ path: '/escaped', content: 'x' }]],
  ['a path through a link that is there', [{ path: 'out/escaped', content: 'x' }]],
  [
    'a path through a link of its own',
    [
      { path: 'own', type: 'symlink', link: '..' },
      { path: 'own/escaped', content: 'x' },
    ],
  ],
  ['a hard link outward', [{ path: 'stolen', type: 'link', link: '../outside' }]],
  ['a hard link through a link', [{ path: 'stolen', type: 'link', link: 'out/outside' }]],
  ['a hard link to a directory', [{ path: 'stolen', type: 'link', link: 'there' }]],
  ['a hard link to nothing', [{ path: 'stolen', type: 'link', link: 'nowhere' }]],
  ['a whiteout through a link', [{ path: 'out/.wh.outside' }]],
  ['a whiteout of the directory above', [{ path: 'there/.wh...' }]],
  ['a whiteout of nothing', [{ path: '.wh.' }]],
  ['a path twice', [{ path: 'a' }, { path: 'a' }]],
  ['a file and its deletion', [{ path: 'a' }, { path: '.wh.a' }]],
  ['a file in a file', [{ path: 'there/file/x' }]],
  ['a root that is a file', [{ path: '.', content: 'x' }]],
  [
    'a directory whose way becomes a link before it gets its attributes',
    [
      { path: 'there/sub', ...directory },
      { path: '.wh.there' },
      { path: 'there', type: 'symlink', link: '..' },
    ],
  ],
  [
    'the same without a whiteout',
    [
      { path: 'there/sub', ...directory },
      { path: 'there', type: 'symlink', link: '..' },
    ],
  ],
  ['a file in place of a directory of its own', [{ path: 'a/b' }, { path: 'a' }]],
  [
    'a link through a link of its own',
    [
      { path: 'o', type: 'symlink', link: '..' },
      { path: 'o/l', type: 'symlink', link: 'x' },
    ],
  ],
  ['an absolute hard link', [{ path: 'stolen', type: 'link', link: '/etc/passwd' }]],
  ['a hard link to itself', [{ path: 'itself', type: 'link', link: 'itself' }]],
  ['a whiteout of what contains it', [{ path: 'there/.wh..' }]],
  ['a whiteout of the root', [{ path: '.wh..' }]],
  ['a whiteout of what is above the root', [{ path: '.wh...' }]],
  ['a whiteout upward', [{ path: '../.wh.outside' }]],
  ['an opaque directory through a link', [{ path: 'out/.wh..wh..opq' }]],
  ['a disk', [{ path: 'dev/sda', type: 'block', deviceMajor: 8 }]],
  ['memory', [{ path: 'dev/mem', ...character, deviceMinor: 1 }]],
  ['another device by the name of a usual one', [{ path: 'dev/null', ...character, deviceMinor: 1 }]],
  ['a usual device as a disk', [{ path: 'dev/zero', ...character, type: 'block' }]],
  ["overlayfs's own deletion", [{ path: 'there/file', type: 'character', deviceMajor: 0, deviceMinor: 0 }]],
  [
    "overlayfs's own attribute",
    [{ path: 'there', ...directory, xattrs: { 'trusted.overlay.opaque': Buffer.from('y') } }],
  ],
  ['an attribute of no kind', [{ path: 'a', xattrs: { rubbish: Buffer.from('y') } }]],
  ['an attribute of no name', [{ path: 'a', xattrs: { 'user.': Buffer.from('y') } }]],
  ['capabilities that are none', [{ path: 'a', xattrs: { 'security.capability': Buffer.from('rubbish') } }]],
  ['an attribute that is too large', [{ path: 'a', xattrs: { 'user.a': Buffer.alloc(1 << 17) } }]],
  [
    'attributes of which there are too many',
    [
      {
        path: 'a',
        xattrs: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`user.${i}`, Buffer.alloc(0)])),
      },
    ],
  ],
  ['a name that is too long', [{ path: 'n'.repeat(300) }]],
  ['a path that is too long', [{ path: 'long/'.repeat(1000) }]],
  ['a link target that is too long', [{ path: 'l', type: 'symlink', link: 'x'.repeat(5000) }]],
  ['a link to nothing at all', [{ path: 'l', type: 'symlink', link: '' }]],
  ['a NUL in a name', [{ path: `${'a'.repeat(150)}\0b` }]],
  ['no user', [{ path: 'a', uid: 2 ** 32 - 1 }]],
  ['no time', [{ path: 'a', mtime: 2 ** 50 }]],
];

/** Too much only where the limit is as low as a test's: a mebibyte. */
export const excessive: [string, Part[]][] = [
  ['a file that is too large', [{ path: 'zeros', content: '\0'.repeat(2 << 20) }]],
  ['too many files', Array.from({ length: 2100 }, (_, i) => ({ path: `many/${i}` }))],
];
