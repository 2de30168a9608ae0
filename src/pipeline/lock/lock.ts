/** For `lock`: solves a recipe with its repositories and writes the result. */
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { currentVersions } from '../../stages/image/tool-versions.ts';
import {
  readLock,
  sealLock,
  writeLock,
  type Lock,
  type LockedArch,
  type LockedPackage,
} from '../../stages/lock/lock-file.ts';
import { loadChain, type LoadedRecipe } from '../../stages/recipe/load.ts';
import { ensureBase } from '../base/ensure-base.ts';
import { wrongNames } from '../check/wrong-names.ts';
import type { Context } from '../state/context.ts';
import { checkFresh, inputsOf } from './freshness.ts';
import { describePackages, layerCount, planArch, type PlanCost } from './layer-plan.ts';
import { pinnedImage } from './locked-base.ts';
import { refuseOrphans } from './modular.ts';
import { solveArch, type LockedBase } from './resolve.ts';
import { checkMeant, isMeant, type Moves } from './update.ts';

export interface MadeLock {
  lock: Lock;
  /** By architecture. */
  costs: Record<string, PlanCost>;
  /** The lock that was there before, if it could be read. */
  previous: Lock | undefined;
}

/**
 * Locks a recipe again, and its bases if they have no lock yet. Returns the lock of the recipe itself. With `update`,
 * the packages of the last lock stay, except those that match one of the names or globs and what they need.
 */
export async function lock(
  context: Context,
  recipe: string,
  update?: readonly string[],
): Promise<MadeLock & { path: string }> {
  const chain = await loadChain(recipe);
  refuseUnknownRepositories(context, chain);
  return context.content.lease(async () => {
    const base = await lockBases(context, chain.slice(0, -1));
    const loaded = chain.at(-1)!;
    // With `update` the last lock is needed, so an unreadable one is an error.
    const previous = await (update ? readLock(loaded.lockPath) : previousLock(context, loaded));
    const moves = update && ((one: LockedPackage) => update.some((word) => isMeant(word, one)));
    const made = await computeLock(context, loaded, { base, previous, moves });
    if (update && previous) checkMeant(update, [previous, made.lock], loaded.lockPath);
    await writeLock(loaded.lockPath, made.lock);
    // A boot would wait for such a unit until its time is over.
    const { wrong } = await wrongNames(chain, made.lock, context.state);
    if (wrong.length > 0) context.progress.warn(loaded.file.wrong(...wrong).message);
    return { ...made, path: loaded.lockPath };
  });
}

/** A mistyped name would silently allow nothing. */
export function refuseUnknownRepositories(
  { allowOlder = [] }: Pick<Context, 'allowOlder'>,
  chain: readonly LoadedRecipe[],
): void {
  const known = chain.flatMap(({ recipe }) => recipe.repos.map(({ name }) => name));
  const unknown = allowOlder.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new MillinerError('USAGE', `--allow-older ${unknown}: there is no such repository`, {
    hint: `Choose one of ${[...new Set(known)].join(', ')}.`,
  });
}

async function lockBases(context: Context, chain: LoadedRecipe[]): Promise<LockedBase | undefined> {
  let base: LockedBase | undefined;
  for (const loaded of chain) {
    const there = await readLock(loaded.lockPath);
    if (there) checkFresh(loaded, there, base?.lock);
    base = { loaded, lock: there ?? (await makeLock(context, loaded, { base })).lock };
  }
  return base;
}

interface LockRequest {
  base?: LockedBase | undefined;
  previous?: Lock | undefined;
  /** Without it all packages are solved anew; with it those of `previous` stay that may not move. */
  moves?: Moves | undefined;
  /** A base that others build moves with its tag, though packages of `previous` stay. */
  followsTag?: boolean | undefined;
}

export async function makeLock(
  context: Context,
  loaded: LoadedRecipe,
  request: LockRequest,
): Promise<MadeLock> {
  const made = await computeLock(context, loaded, request);
  await writeLock(loaded.lockPath, made.lock);
  return made;
}

/** The lock that makeLock writes. */
export async function computeLock(
  context: Context,
  loaded: LoadedRecipe,
  { base, previous, moves, followsTag = false }: LockRequest,
): Promise<MadeLock> {
  const { recipe } = loaded;
  context.progress.step(`${recipe.name}: locking`);
  const arches: Record<string, LockedArch> = {};
  const costs: MadeLock['costs'] = {};
  let epoch = base?.lock.epoch ?? 0;
  for (const arch of recipe.arches ?? [hostArch()]) {
    const last = moves && previous?.arches[arch] && { answer: previous.arches[arch], moves };
    const inherited = base?.lock.arches[arch];
    const { source } = loaded;
    const pinned = source && pinnedImage(source, inherited, followsTag ? undefined : last?.answer);
    const image = source && (await ensureBase(context, source, arch, pinned));
    const solved = await solveArch(context, loaded, arch, { base, image, last });
    const packages = await describePackages(context, loaded, arch, solved.own);
    refuseOrphans(packages, solved.modules, recipe);
    const { layers, cost } = planArch(loaded, {
      packages,
      below: inherited ? layerCount(inherited.layers) : (image?.layers.length ?? 0),
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
  return { lock: sealed, costs, previous };
}

/** The last lock's layers are kept, even if the recipe has changed. An unreadable lock is only a warning. */
async function previousLock(context: Context, { lockPath }: LoadedRecipe): Promise<Lock | undefined> {
  return readLock(lockPath).catch((error: Error) => {
    if (!(error instanceof MillinerError) || error.code !== 'LOCK_INVALID') throw error;
    context.progress.warn(`the layers are planned anew: ${error.message}`);
    return undefined;
  });
}
