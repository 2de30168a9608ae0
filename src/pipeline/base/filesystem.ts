/**
 * Makes one layer of a whole file system, from a tar or a directory. What a layer cannot hold, or what differs from one
 * run to the next, is left out: times of directories, fractions of a second, sockets, SELinux labels, and other mounts
 * below a directory.
 */
import { link, mkdir, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
import type { ImageLayer } from '../../stages/image/image.ts';
import { currentVersions } from '../../stages/image/tool-versions.ts';
import { compressionOf, type Compression } from '../../stages/layer/compress/compress.ts';
import { changedSince, changesOf } from '../../stages/layer/diff/changes.ts';
import { maxUnpackedBytes } from '../../stages/layer/tar/entry-rules.ts';
import { isDirectory, isSocket, treeOf, type Tree } from '../../stages/layer/tree.ts';
import type { BaseSource } from '../../stages/recipe/base-source.ts';
import { scanSnapshot } from '../../stages/snapshot/snapshotter.ts';
import type { Context } from '../state/context.ts';
import { recall, remember } from '../state/layer-cache.ts';
import { withWorkspace } from '../state/workspace.ts';
import { writeTreeLayer } from './tree-layer.ts';
import { unpackConfined } from './unpack-blob.ts';

export type FileSource = Exclude<BaseSource, { kind: 'image' }>;
type MadeLayer = ImageLayer & { digest: Digest };

/** `digest` is the one that a lock pins. Throws BASE_INVALID, LAYER_INVALID, IMAGE_UNREPRESENTABLE. */
export async function layerOfSource(
  context: Context,
  { kind, path, layers }: FileSource,
): Promise<{ digest: Digest; layer: MadeLayer }> {
  const compression = compressionOf(layers);
  if (kind === 'tar') return layerOfTar(context, path, compression);
  context.progress.step(`reading ${path}`);
  const layer = await encode(context, path, compression, 'a directory');
  return { digest: layer.diffID as Digest, layer };
}

async function layerOfTar(context: Context, path: string, compression: Compression) {
  const { content, progress, state, signal } = context;
  progress.step(`reading ${path}`);
  const { digest, size } = await content.ingestFile(path).catch((error: unknown) => {
    throw new MillinerError('BASE_INVALID', `${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  });
  const { format, zstd, zlib } = currentVersions();
  const key = canonicalDigest({ tar: digest, compression, format, zstd, zlib }).slice('sha256:'.length);
  const there = await recall<MadeLayer>(context, 'layers', key);
  if (there) return { digest, layer: there };
  return withWorkspace(state, async ({ directory }) => {
    const root = join(directory, 'tree');
    await mkdir(root, { mode: 0o755 });
    const file = join(directory, `tar${await endingOf(content.path(digest))}`);
    await link(content.path(digest), file);
    const task = { root, path: file, maxBytes: maxUnpackedBytes(size), whiteouts: 'refuse' as const };
    await unpackConfined(task, signal).catch((error: unknown) => {
      throw invalid(error, path);
    });
    const layer = await encode(context, root, compression, basename(path));
    await remember(context, 'layers', key, layer);
    return { digest, layer };
  });
}

/** The file name's ending for its compression, as the first bytes show it. */
async function endingOf(path: string): Promise<string> {
  const handle = await open(path);
  try {
    const { buffer } = await handle.read(Buffer.alloc(6), 0, 6, 0);
    const hex = buffer.toString('hex');
    if (hex.startsWith('1f8b')) return '.gz';
    if (hex.startsWith('28b52ffd')) return '.zst';
    if (hex.startsWith('fd377a585a00')) return '.xz';
    return hex.startsWith('425a68') ? '.bz2' : '';
  } finally {
    await handle.close();
  }
}

function invalid(error: unknown, path: string): unknown {
  if (!(error instanceof MillinerError) || !['LAYER_INVALID', 'REPO_INVALID'].includes(error.code))
    return error;
  return new MillinerError('BASE_INVALID', `${path} cannot be a base: ${error.message}`, { cause: error });
}

async function encode(
  context: Context,
  root: string,
  compression: Compression,
  holds: string,
): Promise<MadeLayer> {
  const tree = normalizeTree(treeOf(await scanSnapshot(root)));
  const changes = changesOf(tree, await changedSince(root, tree, undefined));
  return withWorkspace(context.state, async ({ directory }) => {
    const { layer } = await writeTreeLayer(context, root, changes, compression, directory);
    return { ...layer, holds };
  });
}

function normalizeTree(tree: Tree): Tree {
  for (const [path, entry] of tree) {
    if (isSocket(entry)) tree.delete(path);
    else if (isDirectory(entry)) entry.mtimeSeconds = 0;
  }
  return tree;
}
