/** Package sets that dnf chose, from repositories of the corpus; where dnf found none, we must find none either. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import {
  groupMembers,
  modulesOf,
  openRepository,
  type OpenedRepository,
} from '../../../src/stages/repo/repository.ts';
import { moduleFilter } from '../../../src/stages/solve/module-filter.ts';
import { solve, type SolvedPackage } from '../../../src/stages/solve/solve.ts';
import { attempt, compared, type Corpus, type Kind, type Outcome } from './outcome.ts';
import { placeOf } from './places.ts';

interface Job {
  id: string;
  arch?: string;
  repos: string[];
  install?: string[];
  groups?: string[];
  exclude?: string[];
  /** NAME:STREAM, enabled. */
  modules?: string[];
  weak: boolean;
  best?: boolean;
  /** NAME-EPOCH:VERSION-RELEASE.ARCH, repository, checksum; absent where dnf found no answer. */
  packages?: string[];
  error?: string;
}

export const depsolve: Kind = {
  name: 'depsolve',
  async *outcomes(corpus) {
    const files = corpus.files.filter((name) => /(?:^|\/)_oracle\/[^/]*-depsolve\.json\.gz$/.test(name));
    for (const file of files) {
      const places = JSON.parse(
        await readFile(join(corpus.directory, dirname(file), 'repositories.json'), 'utf8'),
      ) as Record<string, string>;
      const { jobs } = JSON.parse(gunzipSync(await readFile(join(corpus.directory, file))).toString()) as {
        jobs: Job[];
      };
      for (const job of jobs) {
        const unknown = job.repos.find((name) => places[name] === undefined);
        if (unknown !== undefined) {
          yield {
            subject: job.id,
            result: 'not applicable',
            reason: `${unknown} is in no repositories.json`,
          };
          continue;
        }
        const repos = job.repos.map((name) => [name, placeOf(corpus, file, places[name]!)] as const);
        yield await attempt(job.id, () => holdJob(job, repos, corpus));
      }
    }
  },
};

async function holdJob(job: Job, repos: (readonly [string, string])[], { work }: Corpus): Promise<Outcome> {
  const subject = job.id;
  const ours = await answer(job, repos, work).catch((error: unknown) => {
    if (error instanceof MillinerError && noAnswer.has(error.code)) return error;
    throw error;
  });
  if (ours instanceof MillinerError) {
    if (job.packages === undefined) return { subject, result: 'refused' };
    return compared(subject, [`dnf finds ${job.packages.length} packages, we none: ${ours.message}`]);
  }
  if (job.packages === undefined)
    return compared(subject, [`we find ${ours.length} packages, dnf none: ${job.error}`]);
  const theirs = new Set(job.packages);
  // A repository of plain packages gives dnf no checksum.
  const words = job.packages[0]?.split(' ').length;
  const found = new Set(ours.map((one) => rowOf(one).split(' ').slice(0, words).join(' ')));
  return compared(subject, [
    ...[...theirs.difference(found)].map((row) => `only dnf: ${row}`),
    ...[...found.difference(theirs)].map((row) => `only ours: ${row}`),
  ]);
}

/** No package set; or metadata that nobody should believe, over which dnf fails too. */
const noAnswer = new Set<string>(['SOLVE_FAILED', 'REPO_INVALID', 'DIGEST_MISMATCH']);

async function answer(
  job: Job,
  repos: (readonly [string, string])[],
  work: string,
): Promise<readonly SolvedPackage[]> {
  const arch = job.arch ?? 'x86_64';
  const repositories: OpenedRepository[] = [];
  for (const [name, baseurl] of repos) {
    const definition = { name, baseurl, keys: [], exclude: [], gpgcheck: false };
    repositories.push(await openRepository(definition, join(work, 'metadata'), { arch, progress: silent }));
  }
  // As a recipe is solved: dnf hides what belongs to streams that are not enabled.
  const modules = moduleFilter(await modulesOf(repositories), job.modules ?? [], arch);
  const words = (job.groups ?? []).map((group) => `@${group}`);
  const { packages } = await solve({
    arch,
    repositories,
    modules,
    install: job.install ?? [],
    members: await groupMembers(repositories, words, arch),
    exclude: job.exclude ?? [],
    weakDeps: job.weak,
    best: job.best ?? true,
  });
  return packages;
}

const rowOf = ({ name, epoch, version, release, arch, repo, checksum }: SolvedPackage) =>
  `${name}-${epoch}:${version}-${release}.${arch} ${repo} ${checksum.value}`;
