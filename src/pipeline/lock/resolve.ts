/** The answer of one architecture: repositories opened, packages and tools solved, each named by its SHA-256. */
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Access } from '../../lib/http/access.ts';
import { compareNevra } from '../../lib/rpm/evr.ts';
import { nevraText, parseNevra } from '../../lib/rpm/package.ts';
import { hostRpmVersion } from '../../stages/image/tool-versions.ts';
import {
  inheritedPackages,
  ownPackages,
  type Lock,
  type LockedArch,
  type LockedImage,
  type LockedPackage,
} from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { AddonInput } from '../../stages/solve/addon.ts';
import type { ModuleFilter } from '../../stages/solve/module-filter.ts';
import { SolverSession } from '../../stages/solve/session.ts';
import { solve, type SolvedPackage, type SolveRequest } from '../../stages/solve/solve.ts';
import { withInstalled } from '../base/describe-tree.ts';
import { locationIn } from '../packages/fallback-urls.ts';
import { sha256Of } from '../packages/fetch.ts';
import { openAll } from '../packages/repositories.ts';
import type { BaseRecord } from '../state/base-records.ts';
import type { StateContext } from '../state/context.ts';
import { changesOfBase } from './lock-changes.ts';
import { goneFrom, lockedImage, refuseReplaced, withoutPackages } from './locked-base.ts';
import type { LockedRecipe } from './locked-recipe.ts';
import { solveRequest } from './solve-request.ts';
import { installedFiles } from './shared-solving.ts';
import { unchangedPackages, remaining, type Moves } from './update.ts';

export type LockedBase = Pick<LockedRecipe, 'loaded' | 'lock'>;

/** What a solve needs of a base: its packages, of a lock that may not be written yet. */
export interface SolvedBase {
  loaded: LoadedRecipe;
  lock: Pick<Lock, 'arches'>;
}

/** What stays as it is, but for packages that may move and what they need. */
interface LastAnswer {
  answer: LockedArch;
  moves: Moves;
}

export interface Given {
  /** The recipe below. */
  base: SolvedBase | undefined;
  /** What lies below all recipes, where that is no recipe. */
  image: BaseRecord | undefined;
  last: LastAnswer | undefined;
  /** Default: a process for each request. */
  solving?: Pick<SolveRequest, 'solver' | 'knownCaches'>;
}

interface SolvedImage {
  answer: Omit<LockedArch, 'layers' | 'tools'>;
  own: LockedPackage[];
  request: SolveRequest & { modules: ModuleFilter };
  locate: (found: SolvedPackage[]) => Promise<LockedPackage[]>;
  /** Build time of the newest package, in seconds. */
  newest: number;
}

/** Image and tool root, by one process that loads the repositories once. */
export async function solveArch(context: StateContext, loaded: LoadedRecipe, arch: string, given: Given) {
  await using session = new SolverSession({ signal: context.signal, isCaching: true });
  const solving = { solver: (input: AddonInput) => session.solve(input), knownCaches: new Map() };
  const isPlanned = context.sharing?.planning !== undefined;
  const solved = await solveImage(context, loaded, arch, isPlanned ? given : { ...given, solving });
  const { answer, own, request, locate, newest } = solved;
  const tools = await solveTools(context, loaded, arch, { request, locate, last: given.last });
  return { answer: { ...answer, tools }, own, modules: request.modules, newest };
}

/** The packages of the image alone, without the tool root. */
export async function solveImage(
  context: StateContext,
  loaded: LoadedRecipe,
  arch: string,
  { base, image, last, solving }: Given,
): Promise<SolvedImage> {
  const { recipe } = loaded;
  const inherited = base?.lock.arches[arch];
  if (base && !inherited)
    throw new MillinerError('LOCK_STALE', `${base.loaded.lockPath} has no packages for ${arch}`);
  const repositories = await openAll(context, recipe, arch);
  const bases = new Map(repositories.map((one) => [one.name, one.bases]));
  const accesses = new Map(repositories.map((one) => [one.name, one.access]));
  const place = { directory: dirname(loaded.lockPath), bases, accesses };
  const locate = (found: SolvedPackage[]) => lockedPackages(context, found, place);
  const request = { ...(await solveRequest(context, recipe, arch, repositories)), ...solving };
  const files = base && inherited && (await installedFiles(context, base.loaded, arch, inherited.packages));
  const inBase = inherited?.packages ?? [];
  const below = image && (inherited?.image ?? lockedImage(image));
  const mine = last && ownOf(last.answer, [...inBase, ...packagesOf(below)]);
  const unchanged = last && (await unchangedPackages(context, loaded, arch, mine!, last.moves));
  const replaced = new Set(last?.answer.removed);
  const here = inBase.filter(({ nevra }) => !replaced.has(nevra)).map(({ sha256 }) => files!.get(sha256)!);
  const theirs = below?.packages.filter((nevra) => !replaced.has(nevra));
  const solved = await withInstalled(context, image, theirs, (headers) =>
    solve({ ...request, installed: [...headers, ...here], ...(unchanged && { kept: unchanged.solver }) }),
  );
  for (const name of solved.skipped) context.progress.warn(`${name}, of a group, is in no repository`);
  const gone = new Set([...replaced, ...solved.removed.map(nevraText)]);
  const [removed, kept] = [true, false].map((away) => inBase.filter(({ nevra }) => gone.has(nevra) === away));
  const staying = remaining(unchanged, solved);
  const own = [...staying, ...(await locate(solved.packages))];
  const built = [
    image?.epoch ?? 0,
    ...solved.packages.map(({ buildTime }) => buildTime),
    ...staying.map(({ nevra }) => unchanged!.built.get(nevra) ?? 0),
  ];
  const answer = {
    packages: [...kept!.map((one) => (base ? moved(one, base.loaded, loaded) : one)), ...own].toSorted(
      compareNevra,
    ),
    ...(below && { image: withoutPackages(below, gone) }),
    base: kept!.map(({ nevra }) => nevra),
    removed: [...removed!.map(({ nevra }) => nevra), ...goneFrom(below, gone)].toSorted(),
  };
  const standsOn = base?.loaded.recipe.name ?? below?.name;
  if (standsOn !== undefined) refuseReplaced(loaded, { name: standsOn, image: below }, changesOfBase(answer));
  return { answer, own, request, locate, newest: Math.max(0, ...built) };
}

/**
 * What the last answer has besides its base, as far as today's base leaves room for it: beside a package of its name
 * there is room for what stood beside one then.
 */
function ownOf(answer: LockedArch, inBase: readonly PackageName[]): LockedPackage[] {
  const replaced = new Set(answer.removed);
  const here = inBase.filter(({ nevra }) => !replaced.has(nevra));
  const there = new Set(here.map(({ nevra }) => nevra));
  const taken = new Set(here.map(nameAndArch));
  const beside = new Set([...inheritedPackages(answer), ...packagesOf(answer.image)].map(nameAndArch));
  return ownPackages(answer).filter(
    (one) => !there.has(one.nevra) && (!taken.has(nameAndArch(one)) || beside.has(nameAndArch(one))),
  );
}

type PackageName = Pick<LockedPackage, 'nevra' | 'name' | 'arch'>;

function packagesOf(image: LockedImage | undefined): PackageName[] {
  return (image?.packages ?? []).flatMap((nevra) => {
    const parsed = parseNevra(nevra);
    return parsed ? [{ ...parsed, nevra }] : [];
  });
}

function nameAndArch({ name, arch }: PackageName): string {
  return `${name}.${arch}`;
}

interface ToolRequest {
  /** What the image itself was asked for. */
  request: SolveRequest;
  locate: (found: SolvedPackage[]) => Promise<LockedPackage[]>;
  last: LastAnswer | undefined;
}

async function solveTools(
  context: StateContext,
  loaded: LoadedRecipe,
  arch: string,
  { request, locate, last }: ToolRequest,
): Promise<LockedArch['tools']> {
  const { name, tools } = loaded.recipe;
  if (tools === 'host') return { host: await hostRpmVersion() };
  const locked = last?.answer.tools;
  const unchanged =
    last && Array.isArray(locked)
      ? await unchangedPackages(context, loaded, arch, locked, last.moves)
      : undefined;
  const solution = await solve({
    ...request,
    subject: `${name}'s tool root (tools: in the recipe)`,
    exclude: [],
    pins: {},
    weakDeps: false,
    install: tools.packages,
    members: [],
    ...(unchanged && { kept: unchanged.solver }),
  });
  return [...remaining(unchanged, solution), ...(await locate(solution.packages))].toSorted(compareNevra);
}

interface Place {
  directory: string;
  /** By repository. */
  bases: Map<string, readonly URL[]>;
  accesses: Map<string, Access>;
}

/** Old repositories give SHA-1, new ones may give SHA-512; a lock knows files by their SHA-256. */
async function lockedPackages(
  context: StateContext,
  found: SolvedPackage[],
  { directory, bases, accesses }: Place,
): Promise<LockedPackage[]> {
  const digests = await sha256Of(context, found, accesses);
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
