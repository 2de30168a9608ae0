/** lock --why, lock --why-not: what the lock that is there says, without writing anything. */
import { pathToFileURL } from 'node:url';
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { inheritedPackages, ownPackages, readLock, type LockedArch } from '../../stages/lock/lock-file.ts';
import { loadChain, type LoadedRecipe } from '../../stages/recipe/load.ts';
import type { OpenedRepository } from '../../stages/repo/repository.ts';
import type { Reason, Absence } from '../../stages/solve/explain.ts';
import { solve, solveAbsence } from '../../stages/solve/solve.ts';
import { withInstalled } from '../base/describe-tree.ts';
import { ensureBase } from '../base/ensure-base.ts';
import { checkFresh } from '../lock/freshness.ts';
import { pinnedImage } from '../lock/locked-base.ts';
import { isGroup, solveRequest, wantedBy } from '../lock/solve-request.ts';
import { matchesWord } from '../lock/update.ts';
import { fetchLocked } from '../packages/fetch.ts';
import { openAll } from '../packages/repositories.ts';
import type { Context } from '../state/context.ts';

/** From the package itself to what the recipe asks for, or to a package of the base. */
export type Step = Reason & { package: string };

export interface PresenceReport {
  name: string;
  arch: string;
  word: string;
  /** Without steps where the base has it. */
  packages: { nevra: string; steps: Step[] }[];
}

export interface AbsenceReport {
  name: string;
  arch: string;
  word: string;
  answer: Absence;
}

interface Locked {
  context: Context;
  loaded: LoadedRecipe;
  arch: string;
  answer: LockedArch;
}

/** Takes a name, a glob or a NEVRA. Throws LOCK_NOT_FOUND, LOCK_STALE, PACKAGE_NOT_FOUND. */
export async function explainPresence(
  context: Context,
  recipe: string,
  word: string,
  arch?: string,
): Promise<PresenceReport> {
  const locked = await readLocked(context, recipe, arch);
  const { answer, loaded } = locked;
  const found = answer.packages.filter((one) => matchesWord(word, one)).map(({ nevra }) => nevra);
  if (found.length === 0) {
    throw new MillinerError('PACKAGE_NOT_FOUND', `${loaded.lockPath}: it has no package ${word}`, {
      hint: `Ask why with milliner lock ${recipe} --why-not ${word}.`,
      details: { package: word },
    });
  }
  // Its own packages are all that can be chosen from: the answer is the lock's, whatever repositories have by now.
  const { reasons } = await context.content.lease(async () => {
    const { recipe: asking } = loaded;
    // Who belongs to a group is in the repositories alone.
    const known = asking.packages.some(isGroup) ? await openAll(context, asking, locked.arch) : [];
    const wanted = { ...(await wantedBy(asking, locked.arch, known)), progress: context.progress };
    return ask(locked, (own, installed) =>
      solve({ ...wanted, repositories: [onlyThese(own)], installed, explain: true }),
    );
  });
  const packages = found.map((nevra) => ({ nevra, steps: stepsFrom(nevra, reasons) }));
  return { name: loaded.recipe.name, arch: locked.arch, word, packages };
}

/** Takes a word as a recipe does. Throws as explainPresence does, and what opening repositories throws. */
export async function explainAbsence(
  context: Context,
  recipe: string,
  word: string,
  arch?: string,
): Promise<AbsenceReport> {
  const locked = await readLocked(context, recipe, arch);
  const { loaded } = locked;
  const answer = await context.content.lease(async () => {
    const repositories = await openAll(context, loaded.recipe, locked.arch);
    const request = await solveRequest(context, loaded.recipe, locked.arch, repositories);
    return ask(locked, (own, installed) =>
      solveAbsence({ ...request, installed, kept: { files: own, update: [] } }, word),
    );
  });
  return { name: loaded.recipe.name, arch: locked.arch, word, answer };
}

async function readLocked(context: Context, recipe: string, wanted?: string): Promise<Locked> {
  const chain = await loadChain(recipe);
  const loaded = chain.at(-1)!;
  const below = chain.at(-2);
  const lock = await readLock(loaded.lockPath);
  if (!lock) throw new MillinerError('LOCK_NOT_FOUND', `the lock ${loaded.lockPath} does not exist`);
  checkFresh(loaded, lock, below && (await readLock(below.lockPath)));
  const arch = wanted ?? (lock.arches[hostArch()] ? hostArch() : Object.keys(lock.arches)[0]!);
  const answer = lock.arches[arch];
  if (answer) return { context, loaded, arch, answer };
  throw new MillinerError('LOCK_STALE', `${loaded.lockPath} has no packages for ${arch}`, {
    hint: `Choose one of ${Object.keys(lock.arches).join(', ')}.`,
  });
}

/** Runs fn with the files of the recipe's own packages, and those of what its base has. */
async function ask<T>(
  { context, loaded, arch, answer }: Locked,
  fn: (own: string[], installed: string[]) => Promise<T>,
): Promise<T> {
  const { source } = loaded;
  const files = await fetchLocked(context, loaded, arch, answer.packages);
  const [own, below] = [ownPackages(answer), inheritedPackages(answer)].map((packages) =>
    packages.map(({ sha256 }) => files.get(sha256)!),
  );
  const image = source && (await ensureBase(context, source, arch, pinnedImage(source, undefined, answer)));
  return withInstalled(context, image, answer.image?.packages, (headers) =>
    fn(own!, [...headers, ...below!]),
  );
}

/** A repository of packages that are here. */
function onlyThese(files: string[]): OpenedRepository {
  const definition = { name: 'lock', keys: [], exclude: [], gpgcheck: false };
  const packageUrls = (location: string) => [pathToFileURL(location).href];
  return { kind: 'rpms', name: definition.name, definition, bases: [], access: {}, packageUrls, files };
}

function stepsFrom(nevra: string, reasons: ReadonlyMap<string, Reason>): Step[] {
  const steps: Step[] = [];
  for (let at: string | undefined = nevra; at !== undefined;) {
    const reason = reasons.get(at);
    if (!reason || steps.length > reasons.size) break;
    steps.push({ package: at, ...reason });
    at = reason.by;
  }
  return steps;
}
