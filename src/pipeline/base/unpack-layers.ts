/** Layers that others have made, each a snapshot on the one below: images that begin alike share what they have in common. */
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
 * The committed snapshot of all the layers, lowest first; those that are there already stay. Throws LAYER_INVALID
 * naming the layer, and leaves nothing of it.
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
          throw ofBase(error, name, layer.digest);
        });
      }
      parent = snapshot;
    }
    return parent!;
  };
  return withLock(join(state, 'locks', 'layers'), 'exclusive', unpack, { wait: true, signal });
}

/** ChainID (OCI image specification, config.md): of a layer with all those below it. */
function chainOf(below: string | undefined, diffID: string): string {
  if (below === undefined) return diffID;
  return `sha256:${createHash('sha256').update(`${below} ${diffID}`).digest('hex')}`;
}

/** Commits what the layers make of the parent as a snapshot of that name, or nothing. */
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

function ofBase(error: unknown, name: string, layer: string): unknown {
  if (!(error instanceof MillinerError) || error.code !== 'LAYER_INVALID') return error;
  return new MillinerError('LAYER_INVALID', `${layer} of ${name}: ${error.message}`, {
    cause: error,
    hint: 'Do not build on it. Ask its maker for a corrected one, or name another base in the from of the recipe.',
    details: { base: name, layer },
  });
}
