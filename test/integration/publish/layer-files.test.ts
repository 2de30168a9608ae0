/** Layers that GNU tar makes, and the trees that they show. */
import { createHash } from 'node:crypto';
import { link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { ByteString } from '../../../src/lib/host/paths.ts';
import { ContentStore } from '../../../src/stages/content/store.ts';
import type { ImageLayer } from '../../../src/stages/image/image.ts';
import type { Tree, TreeEntry } from '../../../src/stages/layer/tree.ts';
import type { Context } from '../../../src/pipeline/state/context.ts';
import { filesInLayers } from '../../../src/pipeline/publish/layer-files.ts';

let directory: string;
const layers: ImageLayer[] = [];
const sum = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('hex');

/** A layer of these files; a name that is another's is a hard link. */
async function layer(
  name: string,
  files: Record<string, string>,
  links: [string, string][] = [],
): Promise<void> {
  const root = join(directory, name);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  }
  for (const [from, to] of links) await link(join(root, from), join(root, to));
  const names = [...Object.keys(files), ...links.map(([, to]) => to)].map((path) => `./${path}`);
  await run('tar', ['-C', root, '-czf', join(directory, `${name}.tar.gz`), ...names]);
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const { digest, size } = await context.content.ingestFile(join(directory, `${name}.tar.gz`));
  layers.push({ mediaType, digest, size, diffID: name, holds: name });
}

let context: Context;

const treeOf = (files: Record<string, string>): Tree =>
  new Map(
    Object.entries(files).map(([path, text]) => {
      const entry = { path, mode: 0o100644, sha256: sum('sha256', text) };
      return [path as ByteString, entry as unknown as TreeEntry];
    }),
  );

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-layerfiles-'));
  const state = join(directory, 'state');
  context = { state, content: await ContentStore.open(state) } as Context;
  await layer('lower', { 'etc/both': 'old', 'etc/gone': 'x', 'etc/stays': 'here' });
  await layer('upper', { 'etc/both': 'new', 'etc/.wh.gone': '', 'usr/first': 'named twice' }, [
    ['usr/first', 'usr/second'],
  ]);
});
afterAll(() => rm(directory, { recursive: true }));

const shown = {
  'etc/both': 'new',
  'etc/stays': 'here',
  'usr/first': 'named twice',
  'usr/second': 'named twice',
};

test('a file is in the highest layer that has it; each name of a hard link is one', async () => {
  const found = await filesInLayers(context, treeOf(shown), layers);
  const held = (text: string, name: string) => ({
    sha1: sum('sha1', text),
    sha256: sum('sha256', text),
    layer: name,
  });
  expect(Object.fromEntries(found)).toEqual({
    'etc/both': held('new', 'upper'),
    'etc/stays': held('here', 'lower'),
    'usr/first': held('named twice', 'upper'),
    'usr/second': held('named twice', 'upper'),
  });
});

test.each([
  ['other content', { ...shown, 'etc/stays': 'changed' }, 'etc/stays'],
  ['a file of no layer', { ...shown, 'etc/more': '' }, 'etc/more'],
])('a tree with %s is refused', async (_what, files, path) => {
  await expect(filesInLayers(context, treeOf(files), layers)).rejects.toMatchObject({
    code: 'LAYERS_DIFFER',
    details: { path: `/${path}` },
  });
});

test('a layer of no known type is refused', async () => {
  const odd = layers.map((one) => ({ ...one, mediaType: 'text/plain' }));
  await expect(filesInLayers(context, treeOf(shown), odd)).rejects.toMatchObject({ code: 'LAYERS_DIFFER' });
});
