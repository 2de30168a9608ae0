import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scanSnapshot } from '../../../src/stages/snapshot/snapshotter.ts';
import { defaultLevel, type Compression } from '../../../src/stages/layer/compress/compress.ts';
import { treeOf } from '../../../src/stages/layer/tree.ts';
import { changedSince, changesOf } from '../../../src/stages/layer/diff/changes.ts';
import { layerMembers } from '../../../src/stages/layer/diff/layer-members.ts';
import { writtenTree } from '../../helpers/layer-writer/written-layer.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'milliner-write-'));
  for (const [name, content] of Object.entries({ empty: '', some: 'words' }))
    await writeFile(join(root, name), content);
});
afterAll(() => rm(root, { recursive: true }));

test.each(['zstd', 'zstd:chunked', 'gzip'] as const)(
  '%s: the listing of a layer has the digest of every file, of an empty one too',
  async (kind) => {
    const tree = treeOf(await scanSnapshot(root));
    const changes = changesOf(tree, await changedSince(root, tree, undefined));
    const how: Compression = { kind, level: defaultLevel[kind] };
    const { listing } = await writtenTree(root, layerMembers(changes), how);
    const files = listing.filter(({ type }) => type === 'file');
    expect(files.map(({ sha256 }) => sha256?.slice(0, 8))).toEqual(['e3b0c442', 'dba36bff']);
  },
);
