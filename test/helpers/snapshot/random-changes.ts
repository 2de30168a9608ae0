/** Random changes of a small tree, and the tree that they begin from. */
import { appendFile, chmod, link, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { native } from '../../../src/lib/host/native.ts';
import { type } from './tree.ts';

export type Change = readonly [operation: keyof typeof operations, path: string, other: string];

const operations = {
  write: (path: string, other: string) => writeFile(path, other),
  append: (path: string) => appendFile(path, 'more'),
  chmod: (path: string) => chmod(path, 0o711),
  xattr: (path: string, other: string) =>
    native().setXattr(Buffer.from(path), 'user.note', Buffer.from(other.slice(-3))),
  link: (path: string, other: string) => link(path, other),
  symlink: (path: string) => symlink('anywhere', path),
  mkdir: (path: string) => mkdir(path),
  fifo: (path: string) => native().mknod(Buffer.from(path), type.fifo | 0o644, 0, 0),
  rename: (path: string, other: string) => rename(path, other),
  remove: (path: string) => rm(path, { recursive: true }),
} as const;

const paths = ['a', 'b', 'c', 'd', 'd/a', 'd/b', 'd/e', 'd/e/a', 'f', 'f/a', 'f/b'];
const change = fc.tuple(
  fc.constantFrom(...(Object.keys(operations) as (keyof typeof operations)[])),
  fc.constantFrom(...paths),
  fc.constantFrom(...paths),
);
/** Each is what one snapshot, or one layer, changes. */
export const generations = fc.array(fc.array(change, { maxLength: 12 }), { minLength: 1, maxLength: 3 });

/** Operations that do not fit the tree fail as they would for any program; that is no matter here. */
export async function apply(root: string, made: readonly Change[]): Promise<void> {
  for (const [operation, path, other] of made) {
    const at = `${root}/${path}`;
    // Opening a FIFO would wait for its other end.
    if ((operation === 'write' || operation === 'append') && (await isFifo(at))) continue;
    await operations[operation](at, `${root}/${other}`).catch(() => {});
  }
}

async function isFifo(path: string): Promise<boolean> {
  const found = await native()
    .lstat(path)
    .catch(() => undefined);
  return found !== undefined && (found.mode & type.mask) === type.fifo;
}

/** Files of several names in several directories, because those are where layers go wrong. */
export async function makeBase(root: string): Promise<void> {
  for (const path of ['d', 'd/e', 'f']) await mkdir(`${root}/${path}`);
  for (const path of ['a', 'f/a', 'c']) await writeFile(`${root}/${path}`, path);
  for (const path of ['b', 'd/a', 'd/e/a']) await link(`${root}/a`, `${root}/${path}`);
  await link(`${root}/f/a`, `${root}/f/b`);
}
