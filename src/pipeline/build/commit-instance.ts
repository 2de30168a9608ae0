/** For `commit`: a changed instance becomes an image, marked as made by hand. */
import { hostname, userInfo } from 'node:os';
import { Readable } from 'node:stream';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { backendOf } from '../../stages/boot/backends.ts';
import { handmadeLabel, makeImage, type ImageLayer } from '../../stages/image/image.ts';
import { describeTree } from '../base/describe-tree.ts';
import type { TreeLayer } from '../base/tree-layer.ts';
import { unpackOnto } from '../base/unpack-layers.ts';
import { findInstance, type RunningInstance } from '../instance/instance-records.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import { writeRecord, type CameBy, type ImageRecord } from '../state/image-records.ts';
import { localName } from '../state/local-name.ts';
import { withStateLock } from '../state/state-lock.ts';
import { withWorkspace } from '../state/workspace.ts';
import { layerOfChanges } from './instance-changes.ts';

type Handmade = Extract<CameBy, { kind: 'handmade' }>;

/** Throws INSTANCE_NOT_FOUND, BACKEND_LACKS, USAGE if nothing has changed, BUSY, and what layerOfChanges throws. */
export async function commitInstance(
  context: Context,
  id: string,
  { name: given, message }: { name: string; message?: string | undefined },
): Promise<ImageRecord> {
  const name = localName(given);
  const instance = await findInstance(context.state, id);
  const from = await findRecord(context.state, instance.manifestDigest);
  return context.content.lease(() =>
    withWorkspace(context.state, async ({ directory }) => {
      context.progress.step(`reading what has changed in ${instance.id}`);
      const layer = await whilePaused(instance, () => layerOfChanges(context, instance, from, directory));
      if (!layer) throw new MillinerError('USAGE', `nothing has changed in ${instance.id}`);
      const cameBy = handmadeFrom(from, message);
      return withStateLock(context, `build-${name}`, () =>
        recordCommit(context, { name, from, layer, cameBy }),
      );
    }),
  );
}

async function whilePaused<T>(instance: RunningInstance, fn: () => Promise<T>): Promise<T> {
  const backend = await backendOf(instance.backend);
  if (backend.ownDisk)
    throw new MillinerError(
      'BACKEND_LACKS',
      `${instance.backend} cannot commit: its instances have disks of their own`,
      {
        details: { backend: instance.backend },
      },
    );
  const reach = backend.reach({ id: instance.container, directory: instance.directory });
  // Without it, what is written to meanwhile is found by its time.
  await reach.pause?.('pause');
  try {
    return await fn();
  } finally {
    await reach.pause?.('resume');
  }
}

function handmadeFrom({ manifestDigest }: ImageRecord, message: string | undefined): Handmade {
  const by = `${process.env['SUDO_USER'] ?? userInfo().username}@${hostname()}`;
  const at = new Date().toISOString();
  return { kind: 'handmade', by, at, from: manifestDigest, ...(message !== undefined && { message }) };
}

interface Commit {
  name: string;
  from: ImageRecord;
  layer: TreeLayer;
  cameBy: Handmade;
}

async function recordCommit(context: Context, { name, from, layer, cameBy }: Commit): Promise<ImageRecord> {
  const { kind: _kind, ...facts } = cameBy;
  const holds = `made by hand by ${cameBy.by}${cameBy.message === undefined ? '' : `: ${cameBy.message}`}`;
  const own: ImageLayer = { ...layer, recipe: name, holds, isHandmade: true };
  const layers = [...from.layers, own];
  const config = {
    ...from.config,
    labels: { ...from.config.labels, [handmadeLabel]: JSON.stringify(facts) },
  };
  const base = { name: from.name, digest: from.manifestDigest };
  const epoch = Math.floor(Date.parse(cameBy.at) / 1000);
  const image = makeImage({ name, arch: from.arch, epoch, config, layers, base, test: from.test });
  for (const bytes of [image.manifest, image.config])
    await context.content.ingestStream(Readable.from([bytes]));
  const manifestDigest = image.manifestDigest as Digest;
  const snapshot = `${name}@${manifestDigest}`;
  if (!context.snapshots.stat(snapshot)) await unpackOnto(context, from.snapshot, [own], snapshot);
  const { newest: _newest, ...tree } = await describeTree(context, { name, snapshot });
  const { title: _title, settledKey: _key, ...kept } = from;
  const record: ImageRecord = {
    ...kept,
    name,
    cameBy,
    arches: [from.arch],
    buildKey: manifestDigest,
    manifestDigest,
    configDigest: image.configDigest as Digest,
    manifestSize: image.manifest.length,
    layers,
    config,
    epoch,
    snapshot,
    ...tree,
    base: from.manifestDigest,
  };
  return writeRecord(context.state, record, 'committed');
}
