/** Resolves package names to the packages to install: libsolv with dnf's settings. */
import { rm, stat } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { fileChecksum, parseChecksum, type Checksum } from '../../lib/host/checksum.ts';
import { silent, type Progress } from '../../lib/host/progress.ts';
import type { Nevra } from '../../lib/rpm/package.ts';
import type { GroupMember } from '../repo/comps.ts';
import type { OpenedRepository } from '../repo/repository.ts';
import { prepare, type KnownCaches } from './addon-repositories.ts';
import { type AddonInput, type AddonOutput, type AddonPackage, type AddonRepository } from './addon.ts';
import { solveConfined } from './confined-solve.ts';
import { reasonsOf, absenceOf, type Reason, type Absence } from './explain.ts';
import type { ModuleFilter } from './module-filter.ts';
import { cachedEnding } from './solv-cache.ts';

export interface SolveRequest {
  /** The subject of the packages, for error messages. */
  subject?: string;
  /** rpm's name: x86_64, aarch64, ... */
  arch: string;
  repositories: readonly OpenedRepository[];
  /** Paths of the .rpm files that the parent image has installed; headers are enough. As in AddonInput. */
  installed?: readonly string[];
  /**
   * Packages of the last lock for the same request: they stay at their version if possible, and are dropped if no
   * longer needed.
   */
  kept?: {
    /** Paths of the .rpm files. */
    files: readonly string[];
    /** Names of those to update to the best version. */
    update: readonly string[];
  };
  /** As in dnf: names, globs, name.arch, NEVRA, provides, file paths, rich dependencies; no groups. */
  install: readonly string[];
  /** Members of groups: skipped if no repository has them. */
  members?: readonly GroupMember[];
  /** Names, globs, NEVRAs; in every repository. */
  exclude?: readonly string[];
  /** Which modular packages may be chosen; without it, all. */
  modules?: ModuleFilter;
  /** By name the only allowed version, [EPOCH:]VERSION[-RELEASE] or a glob, also for dependencies. */
  pins?: Readonly<Record<string, string>> | undefined;
  weakDeps: boolean;
  /** Require the best candidate instead of falling back to an older one; default true, as in dnf. */
  best?: boolean;
  /** Whether to return the reason for each package. */
  explain?: boolean;
  progress?: Progress;
  /** A replacement of the default solver, which runs the addon in a process of its own. */
  solver?: (input: AddonInput) => Promise<AddonOutput>;
  /** What several requests of one run know of cache files: verifying one reads all of it. */
  knownCaches?: KnownCaches;
}

export interface SolvedPackage extends Nevra {
  /** The repository's name. */
  repo: string;
  /** Relative to the repository, as its metadata has it; a path for a directory of packages. */
  location: string;
  /** A file: URL for local repositories. */
  url: string;
  /** URLs of the same file on mirrors, best first. */
  mirrors: string[];
  /** Bytes. */
  size: number;
  /** Checksum of the whole .rpm file. */
  checksum: Checksum;
  /** NAME-VERSION-RELEASE.src.rpm; empty if the package does not record it. */
  sourceRpm: string;
  /** Seconds since 1970. */
  buildTime: number;
}

export interface Solution {
  /** Packages to install, in NEVRA order. */
  packages: SolvedPackage[];
  /** Installed packages that an update or obsoletes replaces, and kept ones that are dropped. */
  removed: Nevra[];
  /** Group members that no repository has. */
  skipped: string[];
  /** By NEVRA; empty unless requested. */
  reasons: ReadonlyMap<string, Reason>;
}

/**
 * The same request gives the same solution, whatever the order of repositories, packages and words. Throws SOLVE_FAILED
 * with the problems in its details, REPO_INVALID, PACKAGE_INVALID, and the errors of fetching file lists.
 */
export async function solve(request: SolveRequest): Promise<Solution> {
  const output = await answer(request);
  const repositories = new Map(request.repositories.map((repository) => [repository.name, repository]));
  const packages: SolvedPackage[] = [];
  for (const found of output.packages)
    packages.push(await solvedPackage(found, repositories.get(found.repo)));
  return {
    packages,
    removed: output.removed.map(nevraOf),
    skipped: output.skipped,
    reasons: request.explain ? reasonsOf(output) : new Map(),
  };
}

/** Why the solution lacks a package that matches the word, read as dnf reads it. Throws as solve does. */
export async function solveAbsence(request: SolveRequest, word: string): Promise<Absence> {
  return absenceOf((await answer(request, word)).whyNot!);
}

/** Throws SOLVE_FAILED if there is no solution. */
async function answer(request: SolveRequest, absent?: string): Promise<AddonOutput> {
  const names = new Set(request.repositories.map(({ name }) => name));
  if (names.size !== request.repositories.length) {
    throw new MillinerError('RECIPE_INVALID', 'two repositories have the same name');
  }
  let output = await attempt(request, false, absent);
  if (output.needsFilelists) {
    (request.progress ?? silent).step('a file dependency needs the full file lists');
    output = await attempt(request, true, absent);
  }
  if (!output.solved) throw failed(output.problems, request);
  return output;
}

async function attempt(
  request: SolveRequest,
  withFilelists: boolean,
  absent: string | undefined,
): Promise<AddonOutput> {
  const { repos, cache } = await prepare(request.repositories, withFilelists, request.knownCaches);
  const output = await (request.solver ?? solveConfined)({
    arch: request.arch,
    repos,
    filelistsGiven: withFilelists,
    installed: request.installed ?? [],
    kept: request.kept?.files ?? [],
    update: request.kept?.update ?? [],
    install: request.install,
    members: request.members ?? [],
    exclude: request.exclude ?? [],
    pins: Object.entries(request.pins ?? {}).map(([name, evr]) => ({ name, evr })),
    ...(request.modules && { modules: request.modules }),
    weakDeps: request.weakDeps,
    best: request.best ?? true,
    explain: request.explain ?? false,
    whyNot: absent,
  });
  await cache(output.cached);
  // A sealed cache file that libsolv cannot read: it is removed, and the document is read again.
  if (output.badFile?.endsWith(cachedEnding)) {
    await rm(output.badFile, { force: true });
    request.knownCaches?.clear();
    return attempt(request, withFilelists, absent);
  }
  if (output.badFile !== undefined) throw badFile(output.badFile, output.reason ?? '', repos);
  return output;
}

function badFile(file: string, reason: string, repos: readonly AddonRepository[]): MillinerError {
  const of = repos.find((repo) => repo.primary === file || repo.filelists === file);
  const details = { file, ...(of && { repository: of.name }) };
  if (!of) return new MillinerError('PACKAGE_INVALID', `${file}: ${reason}`, { details });
  const type = of.primary === file ? 'primary' : 'filelists';
  return new MillinerError('REPO_INVALID', `${type} of repository ${of.name} (${file}): ${reason}`, {
    details,
  });
}

function failed(problems: string[][], { subject, arch, install, modules }: SolveRequest): MillinerError {
  const text = problems.map((lines, index) => `\n  ${index + 1}. ${lines.join('\n     ')}`).join('');
  const whose = subject === undefined ? '' : ` of ${subject}`;
  const offers = install.flatMap((word) => {
    const streams = modules?.offers.get(word);
    return streams ? [`${word} in ${[...streams].join(', ')}`] : [];
  });
  return new MillinerError('SOLVE_FAILED', `the packages${whose} cannot be installed on ${arch}:${text}`, {
    ...(offers.length > 0 && {
      hint: `Enable a stream with modules: in the recipe. These exist: ${offers.join('; ')}.`,
    }),
    details: { problems, arch },
  });
}

async function solvedPackage(
  found: AddonPackage,
  repository: OpenedRepository | undefined,
): Promise<SolvedPackage> {
  const { repo, location, sourceRpm, buildTime } = found;
  const [url, ...mirrors] = repository?.packageUrls(location, found.base) ?? [];
  if (!repository || url === undefined) {
    throw new MillinerError('REPO_INVALID', `repository ${repo} gives no location for ${found.name}`);
  }
  const { size, checksum } = repository.kind === 'rpms' ? await measure(location) : stated(found);
  return { ...nevraOf(found), repo, location, url, mirrors, size, checksum, sourceRpm, buildTime };
}

async function measure(path: string): Promise<{ size: number; checksum: Checksum }> {
  return { size: (await stat(path)).size, checksum: await fileChecksum(path, 'sha256') };
}

function stated({ repo, name, size, checksum }: AddonPackage): { size: number; checksum: Checksum } {
  const known = parseChecksum(checksum.type, checksum.value);
  if (known) return { size, checksum: known };
  throw new MillinerError('REPO_INVALID', `repository ${repo} gives no usable checksum for ${name}`);
}

/** Later stages make file names and arguments of these strings. */
function nevraOf({ repo, name, epoch, version, release, arch }: AddonPackage): Nevra {
  for (const word of [name, version, release, arch]) {
    if (!/^[^-\s/\p{Cc}][^\s/\p{Cc}]*$/u.test(word)) {
      throw new MillinerError(
        'REPO_INVALID',
        `repository ${repo || 'of the parent'} has a package of the name ${JSON.stringify([name, version, release, arch].join(' '))}`,
      );
    }
  }
  return { name, epoch, version, release, arch };
}
