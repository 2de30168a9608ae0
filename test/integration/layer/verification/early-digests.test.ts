/** Files that are changed after they were read early are read again, whatever their times say. */
import { createHash } from 'node:crypto';
import { link, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { native } from '../../../../src/lib/host/native.ts';
import { byteString } from '../../../../src/lib/host/paths.ts';
import type { RpmFile } from '../../../../src/lib/rpm/file-list.ts';
import { treeOf } from '../../../../src/stages/layer/tree.ts';
import { EarlyDigests } from '../../../../src/stages/layer/verify/early-digests.ts';
import { hashTree } from '../../../../src/stages/layer/verify/hash-tree.ts';

let root: string;
const at = (path: string) => join(root, path);
beforeEach(async () => {
  root = await mkdtemp('/var/tmp/milliner-early-');
  await mkdir(at('d'));
  for (const path of names) await writeFile(at(path), path);
});
afterEach(() => rm(root, { recursive: true }));

const names = ['same', 'written', 'removed', 'linked', 'replaced', 'd/moved'];
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** As a header lists them, with one that is not there, a ghost and a directory. */
const files = [...names, 'missing', 'd'].map(
  (path) =>
    ({
      path: byteString(path),
      mode: path === 'd' ? 0o040755 : 0o100644,
      size: path.length,
      flags: { ghost: false },
    }) as RpmFile,
);

async function digests(early: EarlyDigests): Promise<Record<string, string | undefined>> {
  const tree = treeOf(await native().scan(root));
  await hashTree({ root, tree, parent: undefined, packaged: new Map(), epoch: 0 }, early);
  const regular = [...tree.values()].filter(({ mode }) => (mode & 0o170000) === 0o100000);
  return Object.fromEntries(regular.map((entry) => [entry.path, entry.sha256]));
}

test('what has not changed is not read again', async () => {
  const early = EarlyDigests.begin(root, [{ files }]);
  await early.settled();
  const tree = treeOf(await native().scan(root));
  const known = await early.known();
  expect(names.map((path) => known(tree.get(byteString(path))!))).toEqual(names.map(sha256));
});

test('what was changed, removed, linked or replaced is', async () => {
  const early = EarlyDigests.begin(root, [{ files }]);
  await early.settled();
  const before = new Date(1e12);
  await utimes(at('written'), before, before);
  await writeFile(at('written'), 'changed');
  await utimes(at('written'), before, before);
  await rm(at('removed'));
  await rm(at('linked'));
  await link(at('same'), at('linked'));
  await rm(at('replaced'));
  await symlink('same', at('replaced'));
  await rename(at('d/moved'), at('d/elsewhere'));
  await writeFile(at('d/moved'), 'd/other');
  expect(await digests(early)).toEqual({
    same: sha256('same'),
    written: sha256('changed'),
    linked: sha256('same'),
    'd/moved': sha256('d/other'),
    'd/elsewhere': sha256('d/moved'),
  });
});
