/** For `advisories`: the updates that concern the packages of an image or a lock, and what they fix. */
import { byUrgency } from '../../lib/rpm/severity.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { compareNevra } from '../../lib/rpm/evr.ts';
import { nevraText, parseNevra, type Nevra } from '../../lib/rpm/package.ts';
import { readLock, type Lock } from '../../stages/lock/lock-file.ts';
import { RecipeReader, type LoadedRecipe } from '../../stages/recipe/load.ts';
import { AdvisoryFilter, type Fix, type Update } from '../../stages/repo/applicable-advisories.ts';
import type { OpenedRepository } from '../../stages/repo/repository.ts';
import { cvesOf, readUpdateinfo, type Advisory, type Suggestion } from '../../stages/repo/updateinfo.ts';
import { openAll } from '../packages/repositories.ts';
import type { Context, StateContext } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';

export interface AdvisoriesRequest {
  /** An image in the state, by name or digest; or a recipe or its lock. */
  subject: string;
  /** The recipe whose repositories are read; default: the subject's. */
  recipe?: string | undefined;
  /** Architecture of a lock; default: the host's. */
  arch?: string | undefined;
  /** A recipe or its lock: report only what its packages fix. */
  fixedBy?: string | undefined;
  /** Only advisories of these severities; of any if the list is empty. */
  severities: readonly string[];
  /** Only advisories that fix one of these; any if the list is empty. */
  cves: readonly string[];
}

export interface AdvisoriesReport {
  name: string;
  arch: string;
  /** The number of advisories in each repository that was read; null if it has no updateinfo. */
  repositories: Record<string, number | null>;
  /** Security first, by severity; then by id. */
  advisories: ReportedAdvisory[];
}

export interface ReportedAdvisory extends Omit<Advisory, 'collections'> {
  cves: string[];
  /** The installed package, the package of the advisory, and what must restart for the update to take effect. */
  packages: { installed: string; fixed: string; suggests: Suggestion[] }[];
}

interface Subject {
  name: string;
  arch: string;
  installed: Nevra[];
}

/** Throws RECIPE_NOT_FOUND, LOCK_NOT_FOUND, LOCK_INVALID, LOCK_STALE, and what opening repositories throws. */
export async function listAdvisories(
  context: Context,
  request: AdvisoriesRequest,
): Promise<AdvisoriesReport> {
  const { fixedBy } = request;
  const reader = new RecipeReader();
  const { name, arch, installed } = await findSubject(context, reader, request);
  const successors = fixedBy === undefined ? undefined : await lockedPackages(reader, fixedBy, arch);
  const chain = await reader.chain(recipeOf(request.recipe ?? request.subject, name));
  const updates = updatesOf(installed, successors);
  const { repositories, advisories } = await advisoriesOf(context, chain, arch, updates);
  return { name, arch, repositories, advisories: advisories.filter((one) => isWanted(one, request)) };
}

/** The advisories for these updates in the repositories of a recipe and its bases. */
export async function advisoriesOf(
  context: StateContext,
  chain: readonly LoadedRecipe[],
  arch: string,
  updates: readonly Update[],
): Promise<Pick<AdvisoriesReport, 'repositories' | 'advisories'>> {
  const filter = new AdvisoryFilter(updates);
  const repositories: AdvisoriesReport['repositories'] = {};
  const fixes = new Map<string, Fix[]>();
  for (const repository of await openChain(context, chain, arch)) {
    const path = repository.kind === 'repomd' ? await repository.updateinfo() : undefined;
    repositories[repository.name] = path === undefined ? null : 0;
    if (path === undefined) continue;
    for await (const advisory of readUpdateinfo(path, context.signal)) {
      repositories[repository.name]! += 1;
      const found = filter.fixesOf(advisory);
      // The same id may be in several repositories, each with its own packages.
      if (found.length > 0) fixes.set(advisory.id, [...(fixes.get(advisory.id) ?? []), ...found]);
    }
  }
  return { repositories, advisories: [...fixes.values()].map(report).toSorted(byUrgency) };
}

async function findSubject(
  context: Context,
  reader: RecipeReader,
  { subject, arch }: AdvisoriesRequest,
): Promise<Subject> {
  const record = subject.endsWith('.json')
    ? undefined
    : await findRecord(context.state, subject, arch).catch((error: unknown) => {
        if (error instanceof MillinerError && error.code === 'IMAGE_NOT_FOUND') return undefined;
        throw error;
      });
  if (record) {
    const installed = record.packages.flatMap((text) => parseNevra(text) ?? []);
    return { name: record.name, arch: record.arch, installed };
  }
  const wanted = arch ?? hostArch();
  const { recipe, arches } = await lockOf(reader, subject);
  return { name: recipe, arch: wanted, installed: packagesOf(arches, wanted, subject) };
}

/** The recipe of a lock's path, a recipe's path or name, or an image. */
function recipeOf(given: string, name: string): string {
  if (given.endsWith('.lock.json')) return given.replace(/\.lock\.json$/, '.yaml');
  return /^(?:sha256:)?[0-9a-f]{8,64}$/.test(given) ? name : given;
}

async function lockOf(reader: RecipeReader, subject: string): Promise<Lock> {
  const isLock = subject.endsWith('.lock.json');
  const path = isLock ? subject : (await reader.chain(subject)).at(-1)!.lockPath;
  const lock = await readLock(path);
  if (lock) return lock;
  throw new MillinerError('LOCK_NOT_FOUND', `the lock ${path} does not exist`);
}

async function lockedPackages(reader: RecipeReader, recipeOrLock: string, arch: string): Promise<Nevra[]> {
  return packagesOf((await lockOf(reader, recipeOrLock)).arches, arch, recipeOrLock);
}

function packagesOf(arches: Lock['arches'], arch: string, subject: string): Nevra[] {
  const answer = arches[arch];
  const inBase = (answer?.image?.packages ?? []).flatMap((text) => parseNevra(text) ?? []);
  if (answer) return [...answer.packages, ...inBase];
  throw new MillinerError('LOCK_STALE', `the lock of ${subject} has no packages for ${arch}`, {
    hint: `Choose one of ${Object.keys(arches).join(', ')}.`,
  });
}

/** Without successors any newer package counts. With them, the newest one of the same name and architecture counts. */
function updatesOf(installed: readonly Nevra[], successors: readonly Nevra[] | undefined): Update[] {
  if (!successors) return installed.map((from) => ({ from }));
  const keyOf = ({ name, arch }: Nevra) => `${name}.${arch}`;
  // Of several installed versions (kernels) the last in this order stays, which is the newest.
  const newest = new Map(successors.toSorted(compareNevra).map((one) => [keyOf(one), one]));
  return installed.flatMap((from) => {
    const to = newest.get(keyOf(from));
    return to ? [{ from, to }] : [];
  });
}

/** The repositories of a recipe and its bases. If several have the same name, the uppermost recipe's counts. */
export async function openChain(
  context: StateContext,
  chain: readonly LoadedRecipe[],
  arch: string,
): Promise<OpenedRepository[]> {
  const opened = new Map<string, OpenedRepository>();
  for (const { recipe } of chain.toReversed()) {
    const repos = recipe.repos.filter(({ name }) => !opened.has(name));
    for (const one of await openAll(context, { ...recipe, repos }, arch)) opened.set(one.name, one);
  }
  return [...opened.values()];
}

function report(fixes: Fix[]): ReportedAdvisory {
  const { collections: _, ...advisory } = fixes[0]!.advisory;
  const packages = new Map(
    fixes.map(({ installed, fixed }) => [
      nevraText(fixed),
      { installed: nevraText(installed), fixed: nevraText(fixed), suggests: fixed.suggests },
    ]),
  );
  return { ...advisory, cves: cvesOf(advisory), packages: [...packages.values()] };
}

function isWanted(advisory: ReportedAdvisory, { severities, cves }: AdvisoriesRequest): boolean {
  const has = (words: readonly string[], one: string) =>
    words.some((word) => word.toLowerCase() === one.toLowerCase());
  return (
    (severities.length === 0 || has(severities, advisory.severity)) &&
    (cves.length === 0 || advisory.cves.some((cve) => has(cves, cve)))
  );
}
