/** build: a locked recipe becomes an image in the state directory; a base before what is built on it. */
import { dirname, join } from 'node:path';
import type { Digest } from '../content/digest.ts';
import { MillinerError } from '../errors.ts';
import { inheritConfig, makeImage, manifestType } from '../image/image.ts';
import { writeLayout } from '../image/layout.ts';
import { ensureToolRoot } from '../install/toolroot.ts';
import { changesAgainst } from '../layer/changes.ts';
import { parseTree, serializeTree, type Tree } from '../layer/tree.ts';
import { layerStream, mediaTypes } from '../layer/write.ts';
import type { LockedArch, LockedPackage } from '../lock/lock.ts';
import { loadChain, type LoadedRecipe } from '../recipe/load.ts';
import { readPackage, type RpmPackage } from '../rpm/package.ts';
import { buildKeyOf } from './buildkey.ts';
import type { Context } from './context.ts';
import { fetchPackages } from './fetch.ts';
import { installImage } from './install.ts';
import { lockedChain, type LockedRecipe } from './lock.ts';
import { readRecord, writeRecord, type ImageRecord } from './records.ts';
import { checkTrust } from './trust.ts';
import { withWorkspace } from './workspace.ts';
import { withLock } from '../host/locks.ts';

export interface BuildOptions {
  arch: string;
  /** A directory that becomes, or already is, an OCI layout. */
  output?: string | undefined;
}

/** Builds what has changed, lowest base first; gives the image of the recipe itself. */
export async function build(context: Context, recipe: string, options: BuildOptions): Promise<ImageRecord> {
  const recipes = await loadChain(recipe);
  return context.content.lease(async () => {
    const record = await buildChain(context, await lockedChain(context, recipes, options.arch), options.arch);
    if (options.output !== undefined) await exportImage(context, record, options.output);
    return record;
  });
}

export async function buildChain(
  context: Context,
  chain: LockedRecipe[],
  arch: string,
): Promise<ImageRecord> {
  let record: ImageRecord | undefined;
  for (const one of chain) record = await ensureImage(context, one, arch, record);
  return record!;
}

/** Two builds of one recipe take turns; the second finds the image there. */
async function ensureImage(
  context: Context,
  locked: LockedRecipe,
  arch: string,
  base: ImageRecord | undefined,
): Promise<ImageRecord> {
  const { name } = locked.loaded.recipe;
  const buildKey = await buildKeyOf(locked, arch, base);
  const turn = {
    wait: true,
    signal: context.signal,
    onWait: (who: string) => context.progress.step(`waiting for ${who}`),
  };
  return withLock(
    join(context.state, 'locks', `build-${name}`),
    'exclusive',
    async () => {
      const there = await readRecord(context.state, name);
      if (there?.buildKey === buildKey && (await isComplete(context, there))) {
        context.progress.step(`${name}: unchanged`);
        return there;
      }
      return buildImage(context, { locked, arch, base, buildKey });
    },
    turn,
  );
}

async function isComplete({ content, snapshots }: Context, record: ImageRecord): Promise<boolean> {
  const digests = [
    record.manifestDigest,
    record.configDigest,
    record.tree,
    ...record.layers.map((l) => l.digest),
  ];
  const there = await Promise.all(digests.map((digest) => content.has(digest as Digest)));
  return there.every(Boolean) && snapshots.stat(record.snapshot) !== undefined;
}

interface Job {
  locked: LockedRecipe;
  arch: string;
  base: ImageRecord | undefined;
  buildKey: Digest;
}

async function buildImage(context: Context, job: Job): Promise<ImageRecord> {
  const { loaded, lock, answer } = job.locked;
  const { progress, snapshots } = context;
  progress.step(`${loaded.recipe.name}: building`);
  const inherited = new Set(answer.base);
  const own = answer.packages.filter(({ nevra }) => !inherited.has(nevra));
  const files = await fetchPackages(context, [...own, ...toolPackages(answer)], dirname(loaded.lockPath));
  await checkTrust(context, loaded, [...own, ...toolPackages(answer)], files);
  const packages = await readPackages(own, files);
  const dbPath = job.base?.dbPath ?? databasePath(packages);
  const parent = job.base && parseTree(await readBlob(context, job.base.tree));

  return withWorkspace(context.state, async ({ id, directory }) => {
    const toolRoot = await toolRootOf(context, answer, files, directory);
    await using active = await prepare(context, id, job.base?.snapshot);
    const { target } = active;
    const { epoch } = lock;
    const sandbox = { id, directory, toolRoot, target, epoch, signal: context.signal };
    const installed = await installImage(context, sandbox, {
      loaded,
      arch: job.arch,
      epoch,
      packages,
      parent,
      dbPath,
    });
    progress.step('writing the layer');
    const layer = await writeLayer(context, target, installed.tree, parent, loaded);
    const image = await storeImage(context, job, layer);
    const snapshot = `${loaded.recipe.name}@${image.manifestDigest}`;
    // The same digest is the same tree; images may stand on the one that is there.
    if (!snapshots.stat(snapshot)) await snapshots.commit(snapshot, id);
    const record: ImageRecord = {
      ...image,
      name: loaded.recipe.name,
      arch: job.arch,
      buildKey: job.buildKey,
      lockDigest: lock.digest,
      packages: answer.packages.map(({ nevra }) => nevra),
      dbPath,
      snapshot,
      tree: await storeTree(context, installed.tree),
      ...(job.base && { base: job.base.manifestDigest }),
      report: installed.report,
    };
    await writeRecord(context.state, record);
    return record;
  });
}

/** Whatever is not committed when the scope ends is removed. */
async function prepare({ snapshots }: Context, id: string, parent: string | undefined) {
  await snapshots.prepare(id, parent);
  return {
    target: await snapshots.mount(id),
    async [Symbol.asyncDispose]() {
      if (snapshots.stat(id)) await snapshots.remove(id);
    },
  };
}

const toolPackages = (answer: LockedArch): LockedPackage[] =>
  Array.isArray(answer.tools) ? answer.tools : [];

async function toolRootOf(
  context: Context,
  { tools }: LockedArch,
  files: Map<string, string>,
  directory: string,
): Promise<string> {
  if (!Array.isArray(tools)) return '/';
  const packages = await readPackages(tools, files);
  const parts = packages.map((one, index) => ({ sha256: tools[index]!.sha256, package: one }));
  const places = { place: join(context.state, 'toolroots'), temporary: join(directory, 'toolroot') };
  return ensureToolRoot(places, parts, context);
}

/** A file must be the package that was asked for: an old one, signed in its time, could stand in for its successor. */
async function readPackages(locked: LockedPackage[], files: Map<string, string>): Promise<RpmPackage[]> {
  const found: RpmPackage[] = [];
  for (const { sha256, nevra, url } of locked) {
    const one = await readPackage(files.get(sha256)!);
    if (one.nevra !== nevra) {
      throw new MillinerError('PACKAGE_INVALID', `${url}: is ${one.nevra}, not ${nevra}`, {
        hint: "Have the repository's metadata made anew (createrepo_c), then lock again.",
        details: { package: nevra, found: one.nevra },
      });
    }
    found.push(one);
  }
  return found;
}

/** Fedora's place if a package makes it, the older one if only that is there. */
function databasePath(packages: RpmPackage[]): string {
  const owned = (path: string) => packages.some(({ files }) => files.some((file) => file.path === path));
  return !owned('usr/lib/sysimage/rpm') && owned('var/lib/rpm') ? '/var/lib/rpm' : '/usr/lib/sysimage/rpm';
}

async function writeLayer(
  { content }: Context,
  target: string,
  tree: Tree,
  parent: Tree | undefined,
  { recipe }: LoadedRecipe,
) {
  const { compression: kind, level } = recipe.layers;
  const changes = await changesAgainst(target, tree, parent);
  const stream = layerStream(target, changes, { kind, level: level ?? (kind === 'gzip' ? 6 : 3) });
  const blob = await content.ingestStream(stream.blob);
  return { ...blob, mediaType: mediaTypes[kind], diffID: stream.diffId() };
}

async function storeImage(
  context: Context,
  { locked, arch, base }: Job,
  layer: ImageRecord['layers'][number],
) {
  const { recipe } = locked.loaded;
  const layers = [...(base?.layers ?? []), layer];
  const layerRecipes = [...(base?.layerRecipes ?? []), recipe.name];
  const config = inheritConfig(base?.config, recipe.config);
  const image = makeImage({
    name: recipe.name,
    release: recipe.release,
    arch,
    epoch: locked.lock.epoch,
    config,
    layers,
    layerRecipes,
    base: base && { name: base.name, digest: base.manifestDigest },
  });
  const stored = await context.content.ingestStream(bytes(image.manifest));
  await context.content.ingestStream(bytes(image.config));
  return {
    manifestDigest: image.manifestDigest as Digest,
    configDigest: image.configDigest as Digest,
    manifestSize: stored.size,
    layers,
    layerRecipes,
    config,
  };
}

async function* bytes(buffer: Buffer): AsyncGenerator<Buffer> {
  yield buffer;
}

async function storeTree({ content }: Context, tree: Tree): Promise<Digest> {
  async function* lines() {
    for (const line of serializeTree(tree)) yield Buffer.from(line, 'utf8');
  }
  return (await content.ingestStream(lines())).digest;
}

export async function readBlob({ content }: Context, digest: Digest): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of await content.openVerified(digest)) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

async function exportImage({ content }: Context, record: ImageRecord, directory: string): Promise<void> {
  const { manifestDigest, configDigest, layers, manifestSize, name } = record;
  const digests = [...layers.map(({ digest }) => digest as Digest), configDigest, manifestDigest];
  const blobs = digests.map((digest) => ({ digest, path: content.path(digest) }));
  await writeLayout(
    directory,
    name,
    { mediaType: manifestType, digest: manifestDigest, size: manifestSize },
    blobs,
  );
}
