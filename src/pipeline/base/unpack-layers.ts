/**
 * Unpacks layers of others, each into a snapshot on the one below. Images with the same lower layers share these
 * snapshots.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { withLock } from '../../lib/host/locks.ts';
import type { ImageLayer } from '../../stages/image/image.ts';
import { withReason } from '../../stages/snapshot/snapshotter.ts';
import type { Context } from '../state/context.ts';
import { withActive } from '../state/snapshots.ts';
import { withWorkspace } from '../state/workspace.ts';
import { unpackBlob } from './unpack-blob.ts';

/**
 * Returns the snapshot of all layers, lowest first. Existing snapshots are reused. Throws LAYER_INVALID with the digest
 * of the layer, whose snapshot is removed.
 */
export async function unpackChain(
  context: Context,
  name: string,
  layers: readonly ImageLayer[],
): Promise<string> {
  const { state, snapshots, signal, progress } = context;
  const unpack = async () => {
    let chain: string | undefined;
    let parent: string | undefined;
    for (const [index, layer] of layers.entries()) {
      signal?.throwIfAborted();
      chain = chainOf(chain, layer.diffID);
      const snapshot = `layers@${chain}`;
      if (!snapshots.stat(snapshot)) {
        progress.update(`unpacking ${name}`, index + 1, layers.length);
        await unpackOnto(context, parent, [layer], snapshot).catch((error: unknown) => {
          throw asBaseError(error, name, layer.digest);
        });
      }
      parent = snapshot;
    }
    return parent!;
  };
  return withLock(join(state, 'locks', 'layers'), 'exclusive', unpack, { wait: true, signal });
}

/** ChainID (OCI image specification, config.md) of a layer and all those below it. */
function chainOf(below: string | undefined, diffID: string): string {
  if (below === undefined) return diffID;
  return `sha256:${createHash('sha256').update(`${below} ${diffID}`).digest('hex')}`;
}

/** Unpacks the layers onto the parent and commits the result under the name, or commits nothing. */
export async function unpackOnto(
  context: Context,
  parent: string | undefined,
  layers: readonly ImageLayer[],
  name: string,
): Promise<void> {
  const { snapshots, state, signal } = context;
  await withWorkspace(state, ({ id }) =>
    withActive(context, id, { parent }, (root) =>
      withReason(snapshots, async () => {
        for (const layer of layers) {
          signal?.throwIfAborted();
          await unpackBlob(context, root, layer);
        }
        await snapshots.commit(name, id);
      }),
    ),
  );
}

function asBaseError(error: unknown, name: string, layer: string): unknown {
  if (!(error instanceof MillinerError) || error.code !== 'LAYER_INVALID') return error;
  return new MillinerError('LAYER_INVALID', `${layer} of ${name}: ${error.message}`, {
    cause: error,
    hint: 'Do not build on it. Ask its maker for a corrected one, or name another base in the from of the recipe.',
    details: { base: name, layer },
  });
}
