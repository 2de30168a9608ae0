/** Trees as values: made from a description, read back in a form that two equal trees share. */
import { createHash } from 'node:crypto';
import {
  chmod,
  chown,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  readFile,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { expect } from 'vitest';
import { native, type ScanEntry } from '../../../src/lib/host/native.ts';
import { below, byteString, type ByteString } from '../../../src/lib/host/paths.ts';

export const type = {
  mask: 0o170000,
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  link: 0o120000,
} as const;

const hashLimit = 1 << 24;

export interface Described {
  mode: string;
  owner: string;
  mtime: string;
  size?: number;
  content?: string;
  target?: string;
  device?: string;
  xattrs?: Record<string, string>;
  /** All names of the same file, where it has several. */
  names?: string[];
}

/** What a tree is to an image: everything but inode numbers, ctimes and how the disk holds it. */
export async function describeTree(
  root: string,
  entries: readonly ScanEntry[],
): Promise<Record<string, Described>> {
  const files = await Promise.all(entries.map(({ path }) => fileOf(root, path)));
  const names = Map.groupBy(entries, (_, index) => files[index]!);
  const described: Record<string, Described> = {};
  for (const [index, entry] of entries.entries()) {
    const own = names.get(files[index]!)!;
    described[entry.path] = await describe(
      root,
      entry,
      own.map(({ path }) => path),
    );
  }
  // The scan gives a number to each file: all its names have it, and no other file.
  const found = [...Map.groupBy(entries.filter(isFile), ({ inode }) => inode).values()];
  const there = [...names.values()].filter(([first]) => isFile(first!));
  expect(found).toEqual(there);
  return described;
}

const isFile = ({ mode }: ScanEntry) => (mode & type.mask) !== type.directory;

async function fileOf(root: string, path: ByteString): Promise<string> {
  const { dev, ino } = await lstat(below(root, path), { bigint: true });
  return `${dev} ${ino}`;
}

async function describe(root: string, entry: ScanEntry, names: string[]): Promise<Described> {
  const kind = entry.mode & type.mask;
  const isRegular = kind === type.file;
  return {
    mode: entry.mode.toString(8),
    owner: `${entry.uid}:${entry.gid}`,
    mtime: `${entry.mtimeSeconds}.${String(entry.mtimeNanoseconds).padStart(9, '0')}`,
    ...(isRegular && { size: entry.size }),
    ...(isRegular && entry.size <= hashLimit && { content: await hashOf(root, entry.path) }),
    ...(entry.target !== undefined && { target: entry.target }),
    ...((kind === type.character || kind === type.block) && {
      device: `${entry.deviceMajor}:${entry.deviceMinor}`,
    }),
    ...(entry.xattrs && { xattrs: hexValues(entry.xattrs) }),
    ...(kind !== type.directory && { names: [`${entry.links}`, ...names] }),
  };
}

async function hashOf(root: string, path: ByteString): Promise<string> {
  return createHash('sha256')
    .update(await readFile(below(root, path)))
    .digest('hex');
}

function hexValues(xattrs: Record<string, Buffer>): Record<string, string> {
  return Object.fromEntries(Object.entries(xattrs).map(([name, value]) => [name, value.toString('hex')]));
}

/** An ACL that gives user 1000 rwx beside rwxr-x--- (linux/posix_acl_xattr.h: version, then tag, perm, id). */
export const acl = Buffer.concat([
  Buffer.from('02000000', 'hex'),
  ...[
    '0100 0700 ffffffff',
    '0200 0700 e8030000',
    '0400 0500 ffffffff',
    '1000 0700 ffffffff',
    '2000 0000 ffffffff',
  ].map((entry) => Buffer.from(entry.replaceAll(' ', ''), 'hex')),
]);

/** cap_net_raw=ep (linux/capability.h, VFS_CAP_REVISION_2). */
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');

const oddNames = ['with space', 'tab\there', 'new\nline', 'colon:comma,back\\slash', 'ünïcode'];

/** One of everything that a package may hold. */
export async function makeEverything(root: string): Promise<void> {
  const at = (path: string) => `${root}/${path}`;
  for (const name of ['usr', 'usr/bin', 'var', 'var/tmp', 'home', 'dev', 'odd']) await mkdir(at(name));
  await chmod(at('usr'), 0o755);
  await chmod(at('var/tmp'), 0o1777);
  await chmod(at('home'), 0o2750);
  await writeFile(at('usr/bin/su'), 'setuid');
  await chown(at('usr/bin/su'), 0, 1234);
  await chmod(at('usr/bin/su'), 0o4750);
  await writeFile(at('usr/bin/ping'), 'capable');
  await native().setXattr(Buffer.from(at('usr/bin/ping')), 'security.capability', capability);
  await native().setXattr(Buffer.from(at('usr/bin/ping')), 'user.note', Buffer.from([0, 255, 10]));
  await writeFile(at('home/acl'), 'x');
  await native().setXattr(Buffer.from(at('home/acl')), 'system.posix_acl_access', acl);
  await native().setXattr(Buffer.from(at('home')), 'system.posix_acl_default', acl);
  await writeFile(at('empty'), '');
  await writeFile(at('usr/bin/one'), 'two names');
  await link(at('usr/bin/one'), at('usr/two'));
  await symlink('../../elsewhere/ünïcode', at('usr/bin/dangling'));
  await lchown(at('usr/bin/dangling'), 7, 8);
  await lutimes(at('usr/bin/dangling'), 5, 5);
  await native().mknod(Buffer.from(at('dev/null')), type.character | 0o666, 1, 3);
  await native().mknod(Buffer.from(at('dev/disk')), type.block | 0o660, 259, 70_000);
  await native().mknod(Buffer.from(at('dev/fifo')), type.fifo | 0o600, 0, 0);
  for (const name of oddNames) await writeFile(at(`odd/${name}`), name);
  await writeFile(below(root, 'odd/\xff\xfe not UTF-8' as ByteString), 'bytes');
  await mkdir(below(root, byteString('odd/Großes')));
  await native().setMtime(Buffer.from(at('empty')), 1_700_000_000, 123_456_789);
  await native().setMtime(Buffer.from(at('usr/two')), 4_000_000_000, 999_999_999);
}
