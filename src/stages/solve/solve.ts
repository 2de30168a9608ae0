/** From package names to the packages that are to be installed: libsolv, set up as dnf does. */
import { rm, stat } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { fileChecksum, parseChecksum, type Checksum } from '../../lib/host/checksum.ts';
import { silent, type Progress } from '../../lib/host/progress.ts';
import type { Nevra } from '../../lib/rpm/package.ts';
import type { GroupMember } from '../repo/comps.ts';
import type { OpenedRepository } from '../repo/repository.ts';
import { prepare } from './addon-repositories.ts';
import { type AddonInput, type AddonOutput, type AddonPackage, type AddonRepository } from './addon.ts';
import { solveConfined } from './confined-solve.ts';
import { reasonsOf, whyNotOf, type Reason, type WhyNot } from './explain.ts';
import type { ModuleFilter } from './module-filter.ts';
import { cachedEnding } from './solv-cache.ts';

export interface SolveRequest {
  /** Whose packages these are, for the words of an error. */
  subject?: string;
  /** As rpm calls it: x86_64, aarch64, ... */
  arch: string;
  repositories: readonly OpenedRepository[];
  /** Paths of the .rpm files (headers are enough) of what the parent image has installed. */
  installed?: readonly string[];
  /** What the last answer to the same request has: stays what it is where it can, and goes where nothing asks for it. */
  kept?: {
    /** Paths of the .rpm files. */
    files: readonly string[];
    /** Names of those that are to move to the best there is. */
    update: readonly string[];
  };
  /** As dnf takes them: names, globs, name.arch, NEVRA, provides, file paths, rich dependencies; no groups. */
  install: readonly string[];
  /** Members of groups: left out where no repository has them. */
  members?: readonly GroupMember[];
  /** Names, globs, NEVRA; of every repository. */
  exclude?: readonly string[];
  /** Which packages of modules may be chosen; without it, all. */
  modules?: ModuleFilter;
  /** By name the version, [EPOCH:]VERSION[-RELEASE] or a glob, that is the only one to be taken, also as a dependency. */
  pins?: Readonly<Record<string, string>> | undefined;
  weakDeps: boolean;
  /** Insist on the best candidate instead of falling back to an older one; default true, as in dnf. */
  best?: boolean;
  /** Give the reason for each package. */
  explain?: boolean;
  progress?: Progress;
  /** Another one than the addon in a process of its own. */
  solver?: (input: AddonInput) => Promise<AddonOutput>;
}

export interface SolvedPackage extends Nevra {
  /** The repository's name. */
  repo: string;
  /** As its metadata gives it: relative to the repository, or a path where that is a directory of packages. */
  location: string;
  /** A file: URL for local repositories. */
  url: string;
  /** The same file elsewhere, best first. */
  mirrors: string[];
  /** Bytes. */
  size: number;
  /** Of the whole .rpm file. */
  checksum: Checksum;
  /** NAME-VERSION-RELEASE.src.rpm; empty where the package does not say. */
  sourceRpm: string;
  /** Seconds since 1970. */
  buildTime: number;
}

export interface Solution {
  /** To be installed, ordered by NEVRA. */
  packages: SolvedPackage[];
  /** Installed packages that an update or obsoletes replaces, and kept ones that go. */
  removed: Nevra[];
  /** Group members that no repository has. */
  skipped: string[];
  /** By NEVRA; empty unless asked for. */
  reasons: ReadonlyMap<string, Reason>;
}

/**
 * The same request gives the same solution whatever the order of repositories, packages and words.
 * Throws SOLVE_FAILED with the problems in its details, REPO_INVALID, PACKAGE_INVALID, and what fetching
 * filelists throws.
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

/** Why the answer to a request has nothing that the word names, taken as dnf takes it. Throws as solve does. */
export async function whyNot(request: SolveRequest, word: string): Promise<WhyNot> {
  return whyNotOf((await answer(request, word)).whyNot!);
}

/** Throws SOLVE_FAILED where there is none. */
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
  const { repos, cache } = await prepare(request.repositories, withFilelists);
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
  // Sealed and yet unreadable: without it the document is read again.
  if (output.badFile?.endsWith(cachedEnding)) {
    await rm(output.badFile, { force: true });
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

/** Later stages make file names and arguments of these words. */
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
