/** Layers hold what changed: containers/storage unpacks them one on another and shows the tree they were made from. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContentStore } from '../../../src/stages/content/store.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { native } from '../../../src/lib/host/native.ts';
import { makeImage, type ImageLayer } from '../../../src/stages/image/image.ts';
import { manifestType } from '../../../src/lib/oci/descriptor.ts';
import { writeLayout } from '../../../src/stages/image/oci-layout.ts';
import { changedSince, changesOf } from '../../../src/stages/layer/diff/changes.ts';
import { parseTree, serializeTree, treeOf, type Tree } from '../../../src/stages/layer/tree.ts';
import { unpackLayer } from '../../../src/stages/layer/apply/unpack.ts';
import { mediaTypes, type Compression } from '../../../src/stages/layer/compress/compress.ts';
import { layerMembers } from '../../../src/stages/layer/diff/layer-members.ts';
import { OverlaySnapshotter } from '../../../src/stages/snapshot/overlay.ts';
import { apply, generations, makeBase, type Change } from '../../helpers/snapshot/random-changes.ts';
import { writtenTree } from '../../helpers/layer-writer/written-layer.ts';
import { describeTree, type Described } from '../../helpers/snapshot/tree.ts';

const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    .toString()
    .trim();

interface Bench {
  state: string;
  content: ContentStore;
  snapshots: OverlaySnapshotter;
}

/** As the pipeline does it: one walk, held against the record of the layer below. */
async function addLayer(
  { content, snapshots }: Bench,
  key: string,
  parent: Tree | undefined,
  how: Compression,
) {
  const root = await snapshots.mount(key);
  const tree = treeOf(await snapshots.scan(key));
  const changes = changesOf(tree, await changedSince(root, tree, parent));
  const { bytes, diffID } = await writtenTree(root, layerMembers(changes), how);
  const blob = await content.ingestStream(Readable.from([bytes]));
  const layer: ImageLayer = {
    ...blob,
    mediaType: mediaTypes[how.kind],
    diffID,
    recipe: 'random',
    holds: 'state',
  };
  return {
    layer,
    tree: await parseTree(serializeTree(tree)),
    seen: shown(await describeTree(root, await snapshots.scan(key))),
  };
}

/**
 * Times within a second, the root's own attributes, the count of names that lower layers still hold, and hard links of
 * what is no regular file do not show.
 */
function shown(tree: Record<string, Described>): Record<string, Partial<Described>> {
  return Object.fromEntries(
    Object.entries(tree)
      .filter(([path]) => path !== '')
      .map(([path, { mtime, names, ...rest }]) => [
        path,
        {
          ...rest,
          mtime: mtime.split('.')[0] ?? '',
          ...(names && rest.mode.startsWith('100') && { names: names.slice(1) }),
        },
      ]),
  );
}

async function layersShowTheirTree(
  bench: Bench,
  all: readonly (readonly Change[])[],
  how: Compression,
): Promise<void> {
  const layers: ImageLayer[] = [];
  let below: { tree: Tree; seen: unknown; name: string } | undefined;
  for (const [index, made] of [[], ...all].entries()) {
    await bench.snapshots.prepare('key', below?.name);
    const root = await bench.snapshots.mount('key');
    await (below ? apply(root, made) : makeBase(root));
    const { layer, tree, seen } = await addLayer(bench, 'key', below?.tree, how);
    layers.push(layer);
    below = { tree, seen, name: `layer ${index}` };
    await bench.snapshots.commit(below.name, 'key');
  }
  expect(await unpacked(bench, layers)).toEqual(below!.seen);
  expect(await unpackedHere(bench, layers)).toEqual(below!.seen);
}

/** As a worker takes over what another has built. */
async function unpackedHere({ content, snapshots }: Bench, layers: ImageLayer[]): Promise<unknown> {
  let below: string | undefined;
  for (const [index, { digest, mediaType }] of layers.entries()) {
    await snapshots.prepare('own', below);
    const blob = await content.openVerified(digest as `sha256:${string}`);
    await unpackLayer(await snapshots.mount('own'), blob, mediaType);
    below = `own ${index}`;
    await snapshots.commit(below, 'own');
  }
  await snapshots.view('seen', below!);
  return shown(await describeTree(await snapshots.mount('seen'), await snapshots.scan('seen')));
}

async function unpacked({ state, content }: Bench, layers: ImageLayer[]): Promise<unknown> {
  const config = { env: {}, exposedPorts: [], volumes: [], labels: {} };
  const image = makeImage({
    test: {},
    name: 'random',
    arch: 'x86_64',
    epoch: 0,
    config,
    layers,
  });
  for (const bytes of [image.manifest, image.config])
    await content.ingestStream([bytes].values().toArray() as never);
  const digests = [
    ...layers.map(({ digest }) => digest),
    image.configDigest,
    image.manifestDigest,
  ] as `sha256:${string}`[];
  const layout = join(state, 'layout');
  const manifest = { mediaType: manifestType, digest: image.manifestDigest, size: image.manifest.length };
  await writeLayout(
    layout,
    'random',
    manifest,
    digests.map((digest) => ({
      digest,
      path: content.path(digest),
      verify: () => content.verify(digest),
    })),
  );
  const storage = [
    '--root',
    join(state, 'storage'),
    '--runroot',
    join(state, 'run'),
    '--storage-driver',
    'overlay',
  ];
  const container = run('buildah', ...storage, 'from', '--pull-always', `oci:${layout}:random`);
  const root = run('buildah', ...storage, 'mount', container);
  try {
    return shown(await describeTree(root, await native().scan(root)));
  } finally {
    run('buildah', ...storage, 'rm', '--all');
    run('buildah', ...storage, 'rmi', '--all', '--force');
  }
}

test.each<Compression>([
  { kind: 'zstd', level: 3 },
  { kind: 'zstd:chunked', level: 3 },
  { kind: 'gzip', level: 6 },
])('random changes in layers of $kind', async (how) => {
  const numRuns = process.env['MILLINER_SOAK'] ? 150 : 8;
  const property = fc.asyncProperty(generations, async (all) => {
    // In lower case, which a reference of the oci: transport has to be.
    const state = `/var/tmp/milliner-layers-${randomBytes(6).toString('hex')}`;
    const bench = await open(state);
    try {
      await layersShowTheirTree(bench, all, how);
    } finally {
      await bench.snapshots.close();
      await unmountAllBelow(state, { detach: true });
      await rm(state, { recursive: true, force: true });
    }
  });
  await fc.assert(property, { numRuns });
});

async function open(state: string): Promise<Bench> {
  return { state, content: await ContentStore.open(state), snapshots: await OverlaySnapshotter.open(state) };
}
