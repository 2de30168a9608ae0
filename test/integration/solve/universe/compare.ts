/** A universe solved twice, by us and by dnf, and what may lie between the two answers. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../../../src/lib/errors/error.ts';
import { run } from '../../../../src/lib/host/exec.ts';
import { silent } from '../../../../src/lib/host/progress.ts';
import type { Nevra } from '../../../../src/lib/rpm/package.ts';
import { modulesOf, openRepository } from '../../../../src/stages/repo/repository.ts';
import { moduleFilter } from '../../../../src/stages/solve/module-filter.ts';
import { solve, type SolveRequest } from '../../../../src/stages/solve/solve.ts';
import { writeInstalled, writeRepository } from './files.ts';
import { Random, type Universe } from './universe.ts';

export interface Answer {
  solved: boolean;
  /** NEVRA and repository. */
  packages?: string[];
  removed?: string[];
  why?: string;
}

export interface Written {
  universe: Universe;
  directory: string;
  installed: string[];
}

export async function write(universe: Universe, directory: string): Promise<Written> {
  await mkdir(directory, { recursive: true });
  for (const { name, packages } of universe.repositories)
    await writeRepository(join(directory, name), packages);
  const installed = await writeInstalled(join(directory, 'installed'), universe.installed);
  return { universe, directory, installed };
}

const nevra = (p: Nevra) => `${p.name}-${p.epoch}:${p.version}-${p.release}.${p.arch}`;

export async function ours(
  { universe, directory, installed }: Written,
  solver?: SolveRequest['solver'],
): Promise<Answer> {
  const repositories = await Promise.all(
    universe.repositories.map(({ packages: _packages, ...rest }) => {
      const definition = { ...rest, baseurl: join(directory, rest.name), keys: [], gpgcheck: false };
      return openRepository(definition, join(directory, 'metadata'), { arch: 'x86_64', progress: silent });
    }),
  );
  const { install, exclude, weakDeps, best } = universe;
  try {
    const modules = moduleFilter(await modulesOf(repositories), universe.modules ?? [], 'x86_64');
    const found = await solve({
      arch: 'x86_64',
      modules,
      repositories,
      installed,
      install,
      exclude,
      weakDeps,
      best,
      ...(solver && { solver }),
    });
    return {
      solved: true,
      packages: found.packages.map((one) => `${nevra(one)} ${one.repo}`).toSorted(),
      removed: found.removed.map(nevra).toSorted(),
    };
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'SOLVE_FAILED')
      return { solved: false, why: error.message };
    throw error;
  }
}

/** dnf's answers, all from one process. */
export async function dnfs(all: readonly Written[]): Promise<Answer[]> {
  const requests = all.map(({ universe: { repositories, ...rest }, directory, installed }) => ({
    ...rest,
    directory,
    installed,
    repositories: repositories.map(({ packages: _packages, ...one }) => one),
  }));
  const { stdout } = await run('/usr/bin/python3', [join(import.meta.dirname, 'oracle.py')], {
    input: JSON.stringify(requests),
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout) as Answer[];
}

const isSame = (a: Answer, b: Answer) =>
  a.solved === b.solved &&
  String(a.packages) === String(b.packages) &&
  String(a.removed) === String(b.removed);

/** The same universe with its packages, repositories and words in another order: what dnf's choice must not hang on. */
export function shuffled(universe: Universe, seed: number): Universe {
  const random = new Random(seed);
  return {
    ...universe,
    repositories: random
      .shuffled(universe.repositories)
      .map((one) => ({ ...one, packages: random.shuffled(one.packages) })),
    install: random.shuffled(universe.install),
  };
}

/** Why an answer of ours may differ from dnf's. */
export const kinds = {
  same: 'the same decision and the same packages',
  order:
    "dnf's own answer changes with the order of repositories, packages or words, and ours is one of them",
  choice: "dnf's own answer changes with that order, and dnf finds nothing to add to or to change in ours",
  base: 'what the base has answers a word as it is, where dnf would update it; without such words dnf says the same',
  unexplained: 'none of these',
};
export type Kind = keyof typeof kinds;

/** Words of which the base has nothing, globs taken apart. Without its repositories a universe is its base. */
async function unanswered({ universe, directory, installed }: Written): Promise<string[]> {
  const names = universe.repositories.flatMap(({ packages }) => packages.map(({ name }) => name));
  const words = universe.install.flatMap((word) =>
    word.endsWith('*') ? names.filter((name) => name.startsWith(word.slice(0, -1))) : [word],
  );
  const open: string[] = [];
  for (const word of new Set(words)) {
    const alone = { ...universe, repositories: [], exclude: [], install: [word] };
    if (!(await ours({ universe: alone, directory, installed })).solved) open.push(word);
  }
  return open;
}

const permutations = 16;

/** Says of each pair of answers what kind it is; dnf is asked again about those that differ. */
export async function explain(
  all: readonly Written[],
  mine: readonly Answer[],
  theirs: readonly Answer[],
): Promise<Kind[]> {
  const result: Kind[] = [];
  for (const [index, one] of all.entries()) {
    result.push(
      isSame(mine[index]!, theirs[index]!) ? 'same' : await kindOf(one, mine[index]!, theirs[index]!),
    );
  }
  return result;
}

async function kindOf(one: Written, mine: Answer, theirs: Answer): Promise<Kind> {
  const { universe, directory, installed } = one;
  if (installed.length > 0) {
    const [without] = await dnfs([{ ...one, universe: { ...universe, install: await unanswered(one) } }]);
    if (isSame(mine, without!)) return 'base';
  }
  const others: Written[] = [];
  for (let seed = 0; seed < permutations; seed++) {
    others.push(await write(shuffled(universe, seed), join(directory, `order${seed}`)));
  }
  const answers = await dnfs(others);
  if (answers.every((answer) => isSame(answer, theirs))) return 'unexplained';
  if (answers.some((answer) => isSame(answer, mine))) return 'order';
  const install = (mine.packages ?? []).map((line) => line.split(' ')[0]!);
  const [exact] = await dnfs([
    { ...one, universe: { ...universe, install: [...universe.install, ...install] } },
  ]);
  return isSame(exact!, mine) ? 'choice' : 'unexplained';
}
