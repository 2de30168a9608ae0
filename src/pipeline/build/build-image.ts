/**
 * Builds one image from its locked packages: fetches, verifies and installs them, writes layers, and records the image.
 */
import type { IdRange } from '../../lib/container/userns.ts';
import { native } from '../../lib/host/native.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { databasePath } from '../../lib/rpm/database-path.ts';
import { inheritConfig, makeImage, type ImageLayer } from '../../stages/image/image.ts';
import { defaultDiskBytes } from '../../stages/install/disk-bound.ts';
import type { Sandbox } from '../../stages/install/sandbox.ts';
import { targetFull } from '../../stages/install/transaction.ts';
import { parentAsFound } from '../../stages/layer/diff/parent.ts';
import { treeOf, type Tree } from '../../stages/layer/tree.ts';
import { withIds, type Ids } from '../../stages/lock/id-ledger.ts';
import { bytesOf, durationOf } from '../../stages/recipe/quantities.ts';
import { withReason } from '../../stages/snapshot/snapshotter.ts';
import { holdToDigest, markHeld } from '../base/hold-to-digest.ts';
import type { LockedRecipe } from '../lock/locked-recipe.ts';
import { isImage, type BaseRecord } from '../state/base-records.ts';
import type { Context } from '../state/context.ts';
import { guestIdsOf } from '../state/guest-ids.ts';
import { recordVersion, writeRecord, type ImageRecord } from '../state/image-records.ts';
import { diskOf, withActive } from '../state/snapshots.ts';
import { readTree, storeTree } from '../state/trees.ts';
import { withWorkspace } from '../state/workspace.ts';
import { buildKeyOf } from './build-key.ts';
import { ImageLayers } from './image-layers.ts';
import { gatherInputs, type Inputs } from './inputs.ts';
import { installImage, type InstalledImage } from './install.ts';
import { describeState } from './state-report.ts';
import { testPlanOf } from '../state/test-plan.ts';
import type { WrittenLayers } from './write-layers.ts';

export interface Job {
  locked: LockedRecipe;
  arch: string;
  base: ImageRecord | BaseRecord | undefined;
  buildKey: Digest;
  /** Of the recipe and its bases, as contentDigest computes it. */
  content: Digest;
  /** Ids of the recipe's own users and groups. */
  ledger: Ids;
}

/**
 * Returns the record of the new image, which is stored in the state. After any error nothing is left but what later
 * builds find again: packages and layers of packages.
 */
export async function buildImage(context: Context, job: Job): Promise<ImageRecord> {
  const { name, install } = job.locked.loaded.recipe;
  context.progress.step(`${name}: building in ${context.snapshots.name} snapshots (${context.why})`);
  return withWorkspace(context.state, async (workspace) => {
    const stop = new AbortController();
    const signal = context.signal ? AbortSignal.any([context.signal, stop.signal]) : stop.signal;
    const gathering = gatherInputs({ ...context, signal }, job, workspace.directory);
    try {
      if (job.base) await holdToDigest(context, job.base);
      const own = await gathering.own;
      const maxBytes = install.disk ? bytesOf(install.disk) : defaultDiskBytes(own.map((one) => one.package));
      const options = { parent: job.base?.snapshot, bound: { bytes: maxBytes } };
      return await withActive(context, workspace.id, options, (target) =>
        buildIn(context, job, gathering, { ...workspace, target, maxBytes }),
      );
    } finally {
      stop.abort();
      await gathering.verified.catch(() => undefined);
    }
  });
}

interface BuildPlace {
  /** Key of the active snapshot. */
  id: string;
  directory: string;
  target: string;
  maxBytes: number;
}

async function buildIn(
  context: Context,
  job: Job,
  gathering: Inputs,
  { id, directory, target, maxBytes }: BuildPlace,
): Promise<ImageRecord> {
  const { loaded, lock } = job.locked;
  const { install } = loaded.recipe;
  const parent = job.base && (await parentTree(context, job.base.tree, id));
  const toLayer = { locked: job.locked, packages: await gathering.own, target, parent, ledger: job.ledger };
  await using layers = await ImageLayers.open(context, toLayer, directory);
  // Confined workers read the packages. What they make is used once the signatures are good.
  await layers.begin();
  const ids = await guestIdsOf(context);
  const { packages, tools, toolRoot } = await gathering.verified;
  const own = packages.map((one) => one.package);
  const toolPackages = tools.map((one) => one.package);
  const startPath = job.base?.dbPath ?? databasePath(own, toolPackages);
  const disk = diskOf(context, id, maxBytes);
  const { epoch } = lock;
  const limits = { disk, timeout: durationOf(install.timeout), memory: bytesOf(install.memory) };
  const mount = (shifted: IdRange | undefined) => context.snapshots.mount(id, shifted);
  const shift = ids && { ids, mount };
  const sandbox = { id, directory, toolRoot, target, shift, epoch, ...limits, signal: context.signal };
  const { base, image, removed } = job.locked.answer;
  const kept = [...base, ...(image?.packages ?? [])];
  const common = { loaded, arch: job.arch, epoch, parent, dbPath: startPath, ledger: job.ledger };
  // Written back while the layers are made, so that the commit, which reports any failure, finds little to write.
  let writtenBack: Promise<void> | undefined;
  const onInstalled = () => {
    writtenBack ??= native()
      .syncfs(target)
      .catch(() => undefined);
    return layers.begin();
  };
  const plan = { ...common, packages: own, kept, removed, onInstalled };
  // Awaited here, because the workers are disposed of at the end of this scope.
  const build = async () => {
    const installed = await installImage(context, sandbox, plan);
    context.signal?.throwIfAborted();
    context.progress.step('writing the layers');
    const written = await layers.finish(installed);
    await writtenBack;
    return finish(context, job, { id, installed, written });
  };
  // What is being written back keeps the snapshot in use.
  const settled = () => build().finally(() => writtenBack);
  return await withReason(context.snapshots, () => settled().catch(asTargetError(sandbox)));
}

interface Finished {
  /** Key of the active snapshot. */
  id: string;
  installed: InstalledImage;
  written: WrittenLayers;
}

/** Stores the image's configuration and manifest, and commits the snapshot. */
async function finish(context: Context, job: Job, { id, installed, written }: Finished) {
  const { recipe } = job.locked.loaded;
  const { tree, dbPath, originOf, report, ids } = installed;
  const removes = job.locked.answer.removed.length > 0;
  const { normalised } = report;
  const sources = { below: written.below, dbPath, recipe, originOf, normalised, removes };
  const state = describeState(written.changed, sources);
  const image = await storeImage(context, job, written.layers);
  const snapshot = `${recipe.name}@${image.manifestDigest}`;
  const { epoch } = job.locked.lock;
  // The same digest means the same tree, and other images may be built on the existing snapshot.
  const isNew = !context.snapshots.stat(snapshot);
  const stored: { tree?: Digest } = {};
  const store = async () => {
    stored.tree = await storeTree(context, tree);
  };
  const commit = async () => {
    if (isNew) await context.snapshots.commit(snapshot, id);
  };
  // Both have ended before a failure of one is thrown, because the snapshot is removed then.
  await inParallel([store, commit], 2, undefined, (task) => task());
  const record = { ...image, epoch, dbPath, snapshot, tree: stored.tree! };
  if (isNew) await markHeld(context, record);
  const settledKey = await buildKeyOf(job.locked, job.arch, job.base, withIds(job.ledger, ids));
  const identity = { ...identityOf(job), settledKey, ids };
  return writeRecord(context.state, { ...record, report: { ...report, state }, ...identity });
}

/** The base's tree with the inodes of the new snapshot, read before anything has changed it. */
async function parentTree(context: Context, recorded: Digest, id: string): Promise<Tree> {
  return parentAsFound(await readTree(context, recorded), treeOf(await context.snapshots.scan(id)));
}

function identityOf({ locked: { loaded, lock, answer }, arch, base, buildKey, content }: Job) {
  return {
    version: recordVersion,
    name: loaded.recipe.name,
    arch,
    arches: Object.keys(lock.arches),
    buildKey,
    lockDigest: lock.digest,
    content,
    packages: [...(answer.image?.packages ?? []), ...answer.packages.map(({ nevra }) => nevra)],
    checksums: Object.fromEntries(answer.packages.map(({ nevra, sha256 }) => [nevra, sha256])),
    ...(base && { base: base.manifestDigest }),
  };
}

/** A file written by Milliner itself counts against the same limit as those of rpm. */
const asTargetError = (sandbox: Sandbox) => async (error: NodeJS.ErrnoException) => {
  if (error.code !== 'ENOSPC' || !(await sandbox.disk.isFull())) throw error;
  throw targetFull(sandbox, error.message, { cause: error });
};

async function storeImage(context: Context, { locked, arch, base }: Job, own: ImageLayer[]) {
  const { recipe } = locked.loaded;
  const layers = [...(base?.layers ?? []), ...own];
  const config = inheritConfig(base?.config, recipe.config);
  const test = testPlanOf(recipe.test, config);
  const image = makeImage({
    name: recipe.name,
    release: recipe.release,
    arch,
    epoch: locked.lock.epoch,
    config,
    layers,
    base: base && isImage(base) ? { name: base.name, digest: base.manifestDigest } : undefined,
    test,
  });
  const stored = await context.content.ingestStream(bytes(image.manifest));
  await context.content.ingestStream(bytes(image.config));
  return {
    manifestDigest: image.manifestDigest as Digest,
    configDigest: image.configDigest as Digest,
    manifestSize: stored.size,
    layers,
    config,
    test,
  };
}

async function* bytes(buffer: Buffer): AsyncGenerator<Buffer> {
  yield buffer;
}
