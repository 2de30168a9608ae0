/** lock: solves a recipe against its repositories and writes down the answer; and holds a lock to its recipe. */
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MillinerError } from '../errors.ts';
import {
  canonicalDigest,
  readLock,
  sealLock,
  writeLock,
  type Lock,
  type LockedArch,
  type LockedPackage,
} from '../lock/lock.ts';
import { groupMembers, openRepository, type OpenedRepository } from '../repo/repository.ts';
import { loadChain, type LoadedRecipe } from '../recipe/load.ts';
import type { Recipe } from '../recipe/schema.ts';
import { compareNevra } from '../rpm/evr.ts';
import { nevraText } from '../rpm/package.ts';
import { solve, type SolvedPackage } from '../solve/solve.ts';
import type { Context } from './context.ts';
import { locationIn } from './elsewhere.ts';
import { fetchPackages, placesOf, sha256Of } from './fetch.ts';
import { layerCount, mostLayers, planArch, type PlanCost } from './layerplan.ts';
import { checkVersions, currentVersions, hostRpmVersion } from './versions.ts';

type LockedBase = Pick<LockedRecipe, 'loaded' | 'lock'>;

/** A recipe with the part of its lock that is for one architecture. */
export interface LockedRecipe {
  loaded: LoadedRecipe;
  lock: Lock;
  answer: LockedArch;
}

export interface MadeLock {
  lock: Lock;
  /** By architecture. */
  costs: Record<string, PlanCost>;
  /** The lock that was there before, if it could be read. */
  previous: Lock | undefined;
}

/** Locks a recipe anew, and its bases only if they have no lock yet. Gives the lock of the recipe itself. */
export async function lock(context: Context, recipe: string): Promise<MadeLock & { path: string }> {
  const chain = await loadChain(recipe);
  return context.content.lease(async () => {
    const base = await lockBases(context, chain.slice(0, -1));
    const loaded = chain.at(-1)!;
    return { ...(await makeLock(context, loaded, base)), path: loaded.lockPath };
  });
}

async function lockBases(context: Context, chain: LoadedRecipe[]): Promise<LockedBase | undefined> {
  let base: LockedBase | undefined;
  for (const loaded of chain) {
    const there = await readLock(loaded.lockPath);
    if (there) checkFresh(loaded, there, base?.lock);
    base = { loaded, lock: there ?? (await makeLock(context, loaded, base)).lock };
  }
  return base;
}

/** The chain with its locks, for building; those that are missing are made, stale or edited ones refused. */
export async function lockedChain(
  context: Context,
  chain: LoadedRecipe[],
  arch: string,
): Promise<LockedRecipe[]> {
  const locked: LockedRecipe[] = [];
  for (const loaded of chain) {
    const base = locked.at(-1);
    const there = await readLock(loaded.lockPath);
    if (there) checkFresh(loaded, there, base?.lock);
    const found = there ?? (await makeLock(context, loaded, base)).lock;
    checkVersions(found, loaded.lockPath);
    const answer = found.arches[arch];
    if (!answer) {
      throw new MillinerError('LOCK_STALE', `${loaded.lockPath} has no answer for ${arch}`, {
        hint: `Add ${arch} to the recipe's arches and lock again.`,
      });
    }
    if (!Array.isArray(answer.tools)) await checkHostRpm(answer.tools.host, loaded);
    locked.push({ loaded, lock: found, answer });
  }
  return locked;
}

/** The recipe's own lock, held to it for these architectures; `made` where it, or one of its bases, had none. */
export async function lockRecipe(
  context: Context,
  recipe: string,
  arches: readonly string[],
): Promise<{ lock: Lock; made: boolean }> {
  const chain = await loadChain(recipe);
  const before = await Promise.all(chain.map(({ lockPath }) => readLock(lockPath)));
  const locked = await context.content.lease(async () => {
    for (const arch of arches.slice(1)) await lockedChain(context, chain, arch);
    return lockedChain(context, chain, arches[0]!);
  });
  return { lock: locked.at(-1)!.lock, made: before.includes(undefined) };
}

async function checkHostRpm(locked: string, loaded: LoadedRecipe): Promise<void> {
  const version = await hostRpmVersion();
  if (version === locked) return;
  throw new MillinerError(
    'TOOLS_DIFFER',
    `${loaded.lockPath} was made with the host's rpm ${locked}; this is ${version}`,
  );
}

/** What the answer depends on; a change of anything else in the recipe leaves the lock good. */
function inputsOf({ release, arches, repos, packages, exclude, weakDeps, tools, from }: Recipe): string {
  const sources = repos.map(({ name, baseurl, metalink, mirrorlist, exclude: without, priority }) => ({
    name,
    // A directory lies elsewhere in another checkout and is the same repository.
    ...(baseurl !== undefined && /^https?:/.test(baseurl) && { baseurl }),
    metalink,
    mirrorlist,
    without,
    priority,
  }));
  return canonicalDigest({
    release,
    arches,
    sources,
    packages,
    exclude,
    weakDeps,
    tools,
    from,
  });
}

function checkFresh({ recipe, path, lockPath }: LoadedRecipe, found: Lock, base: Lock | undefined): void {
  const stale = (why: string) =>
    new MillinerError('LOCK_STALE', `${lockPath}: ${why}`, {
      hint: `Make it anew with: milliner lock ${path}`,
    });
  if (found.recipe !== recipe.name) throw stale(`it is the lock of ${found.recipe}`);
  if (found.inputs !== inputsOf(recipe)) throw stale('the recipe has changed since');
  const { max = mostLayers } = recipe.layers;
  for (const { layers } of Object.values(found.arches)) {
    if (layerCount(layers) > max)
      throw stale(`it has ${layerCount(layers)} layers, layers.max allows ${max}`);
  }
  if (found.base?.lock !== base?.digest)
    throw stale(`its base ${base?.recipe ?? ''} has been locked again since`);
}

async function makeLock(
  context: Context,
  loaded: LoadedRecipe,
  base: LockedBase | undefined,
): Promise<MadeLock> {
  const { recipe } = loaded;
  context.progress.step(`${recipe.name}: locking`);
  const arches: Record<string, LockedArch> = {};
  const costs: MadeLock['costs'] = {};
  let epoch = base?.lock.epoch ?? 0;
  const previous = await previousLock(context, loaded);
  for (const arch of recipe.arches ?? [hostArch()]) {
    const solved = await solveArch(context, loaded, arch, base);
    const { layers, cost } = await planArch(context, loaded, arch, {
      packages: solved.own,
      base: base?.lock.arches[arch]?.layers,
      previous: previous?.arches[arch]?.layers.plan,
    });
    arches[arch] = { ...solved.answer, layers };
    costs[arch] = cost;
    epoch = Math.max(epoch, solved.newest);
  }
  const sealed = sealLock({
    version: 2,
    recipe: recipe.name,
    inputs: inputsOf(recipe),
    ...(base && { base: { recipe: base.loaded.recipe.name, lock: base.lock.digest } }),
    epoch,
    reproducibleElsewhere: recipe.tools !== 'host' && (base?.lock.reproducibleElsewhere ?? true),
    versions: currentVersions(),
    arches,
  });
  await writeLock(loaded.lockPath, sealed);
  return { lock: sealed, costs, previous };
}

async function solveArch(
  context: Context,
  loaded: LoadedRecipe,
  arch: string,
  base: LockedBase | undefined,
): Promise<{ answer: Omit<LockedArch, 'layers'>; own: LockedPackage[]; newest: number }> {
  const { recipe } = loaded;
  const inherited = base?.lock.arches[arch];
  if (base && !inherited)
    throw new MillinerError('LOCK_STALE', `${base.loaded.lockPath} has no answer for ${arch}`);
  const repositories = await openAll(context, recipe, arch);
  const bases = new Map(repositories.map((one) => [one.name, one.bases]));
  const place = { directory: dirname(loaded.lockPath), bases };
  const locate = (found: SolvedPackage[]) => lockedPackages(context, found, place);
  const { exclude, weakDeps } = recipe;
  const common = { arch, repositories, exclude, weakDeps, progress: context.progress };
  const files =
    base &&
    inherited &&
    (await fetchPackages(context, inherited.packages, placesOf(context, base.loaded, arch)));
  // Groups stand beside package names in a recipe, marked with @.
  const [groups = [], install = []] = [true, false].map((wanted) =>
    recipe.packages.filter((word) => word.startsWith('@') === wanted),
  );
  const members = await groupMembers(repositories, groups, arch);
  const installed = [...(files?.values() ?? [])];
  const image = await solve({ ...common, subject: recipe.name, install, members, installed });
  for (const name of image.skipped) context.progress.warn(`${name}, of a group, is in no repository`);
  const removed = new Set(image.removed.map(nevraText));
  const kept = (inherited?.packages ?? []).filter(({ nevra }) => !removed.has(nevra));
  const own = await locate(image.packages);
  const tools = await solveTools(recipe, common, locate);
  return {
    answer: {
      packages: [...kept.map((one) => (base ? moved(one, base.loaded, loaded) : one)), ...own].toSorted(
        compareNevra,
      ),
      base: kept.map(({ nevra }) => nevra),
      removed: [...removed].toSorted(),
      tools,
    },
    own,
    newest: Math.max(0, ...image.packages.map(({ buildTime }) => buildTime)),
  };
}

/** Its layers stay what they are, also where the recipe has changed; one that cannot be read holds nothing up. */
async function previousLock(context: Context, { lockPath }: LoadedRecipe): Promise<Lock | undefined> {
  return readLock(lockPath).catch((error: Error) => {
    context.progress.warn(`the layers are planned anew: ${error.message}`);
    return undefined;
  });
}

async function solveTools(
  { name, tools }: Recipe,
  common: Omit<Parameters<typeof solve>[0], 'install' | 'installed'>,
  locate: (found: SolvedPackage[]) => Promise<LockedPackage[]>,
): Promise<LockedArch['tools']> {
  if (tools === 'host') return { host: await hostRpmVersion() };
  const solution = await solve({
    ...common,
    subject: `${name}'s tool root (tools: in the recipe)`,
    exclude: [],
    weakDeps: false,
    install: tools.packages,
    installed: [],
  });
  return (await locate(solution.packages)).toSorted(compareNevra);
}

async function openAll(context: Context, recipe: Recipe, arch: string): Promise<OpenedRepository[]> {
  const opened: OpenedRepository[] = [];
  for (const definition of recipe.repos) {
    context.progress.step(`opening repository ${definition.name}`);
    opened.push(
      await openRepository(definition, join(context.state, 'metadata'), {
        arch,
        release: recipe.release,
        progress: context.progress,
        signal: context.signal,
      }),
    );
  }
  return opened;
}

/** Old repositories give SHA-1, new ones may give SHA-512; a lock knows files by their SHA-256. */
async function lockedPackages(
  context: Context,
  found: SolvedPackage[],
  { directory, bases }: { directory: string; bases: Map<string, readonly URL[]> },
): Promise<LockedPackage[]> {
  const digests = await sha256Of(context, found);
  return found.map((one, index) => {
    const { name, epoch, version, release, arch, repo, size, sourceRpm } = one;
    const evr = { name, epoch, version, release, arch };
    const location = locationIn(bases.get(repo) ?? [], one.url);
    const place = { url: portable(one.url, directory), ...(location !== undefined && { location }) };
    return { nevra: nevraText(one), ...evr, repo, ...place, size, sha256: digests[index]!, sourceRpm };
  });
}

/** Files near the recipe are named relative to it, so that the checkout can lie anywhere. */
function portable(url: string, lockDirectory: string): string {
  if (!url.startsWith('file://')) return url;
  const path = relative(lockDirectory, fileURLToPath(url));
  return path.startsWith('../../../') ? url : path;
}

function moved(one: LockedPackage, from: LoadedRecipe, to: LoadedRecipe): LockedPackage {
  if (/^[a-z]+:/.test(one.url)) return one;
  return { ...one, url: relative(dirname(to.lockPath), join(dirname(from.lockPath), one.url)) };
}

const rpmArches: Record<string, string> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  ppc64: 'ppc64le',
  s390x: 's390x',
};

export function hostArch(): string {
  const arch = rpmArches[process.arch];
  if (arch) return arch;
  throw new MillinerError('HOST_MISSING', `Milliner does not know the architecture ${process.arch}`);
}
