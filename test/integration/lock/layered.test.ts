/** Random images on random bases: rpm's database has what the lock says, and dnf would have installed the same. */
import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { nevraText, parseNevra } from '../../../src/lib/rpm/package.ts';
import type { Lock, LockedArch } from '../../../src/stages/lock/lock-file.ts';
import { openRepository, type OpenedRepository } from '../../../src/stages/repo/repository.ts';
import { solve, type Solution } from '../../../src/stages/solve/solve.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';
import { installWithDnf } from './dnf.ts';
import { layered, prefixed, unmixed, type Layered } from './layered.ts';

useOneProcess();

const universes = process.env['MILLINER_SOAK'] ? 300 : 12;
/** Of different names, they do not see each other: one image has many. */
const together = 12;
/** Of those without an answer, these ask dnf too. */
const refusals = 2;

let desk: Desk;
let all: string;
let before: string;
type Asked = Layered & { best: boolean };
const solvable: Asked[] = [];
const unsolvable: Asked[] = [];
beforeAll(async () => {
  desk = await Desk.open();
  const drawn = fc
    .sample(layered, { numRuns: universes * 2, seed: 15 })
    .map((one, i) => prefixed(one, `w${i}`));
  [all, before] = [desk.path('all'), desk.path('before')];
  await mkdir(all);
  await mkdir(before);
  // rpmbuild takes longer with one spec file of thousands of packages than with many of some.
  for (let at = 0; at < drawn.length; at += together) {
    const samples = drawn.slice(at, at + together).flatMap((one) => one.samples);
    const place = await repositoryOf(desk.directory, `part${at}`, samples);
    for (const file of (await readdir(place)).filter((name) => name.endsWith('.rpm'))) {
      await link(join(place, file), join(all, file));
      if (/-[12]-1\.noarch\.rpm$/.test(file)) await link(join(place, file), join(before, file));
    }
  }
  for (const place of [all, before])
    await run('createrepo_c', ['--quiet', '--no-database', '--compress-type=gz', place]);
  const repositories = { all: await opened(all), before: await opened(before) };
  for (const one of drawn) {
    const asked = await solveBoth(one, repositories);
    (asked.hasAnswer ? solvable : unsolvable).push(asked);
  }
  expect(solvable.length).toBeGreaterThanOrEqual(universes);
  expect(unsolvable.length).toBeGreaterThanOrEqual(refusals);
}, 3_600_000);
afterAll(() => desk.remove());

async function opened(baseurl: string): Promise<OpenedRepository> {
  const definition = { name: 'world', baseurl, keys: [], exclude: [], gpgcheck: false };
  return openRepository(definition, desk.path('cache'), { arch: 'x86_64', progress: silent });
}

async function solveBoth(
  one: Layered,
  repositories: { all: OpenedRepository; before: OpenedRepository },
): Promise<Asked & { hasAnswer: boolean }> {
  const common = { arch: 'x86_64', weakDeps: false };
  const base = await answered(solve({ ...common, repositories: [repositories.before], install: one.below }));
  if (!base) return { ...one, best: true, hasAnswer: false };
  const asked = unmixed(one, base.packages.map(nevraText));
  const made = solve({
    ...common,
    repositories: [repositories.all],
    install: asked.above,
    installed: base.packages.map(({ location }) => join(before, location)),
  });
  return { ...asked, hasAnswer: (await answered(made)) !== undefined };
}

async function answered(work: Promise<Solution>): Promise<Solution | undefined> {
  return work.catch((error: unknown) => {
    if (error instanceof MillinerError && error.code === 'SOLVE_FAILED') return undefined;
    throw error;
  });
}

const database = 'usr/lib/sysimage/rpm/rpmdb.sqlite';

/** What rpm itself finds in the image. */
async function installed(name: string): Promise<string[]> {
  const tars = await layersOf(desk.path('layout', name), name);
  const holds = tars.findLast((tar) => listTars([tar]).split('\n').includes(database))!;
  const place = await mkdtemp(desk.path('database-'));
  const bytes = execFileSync('tar', ['-xOf', '-', database], { input: holds, maxBuffer: 1 << 28 });
  await writeFile(join(place, 'rpmdb.sqlite'), bytes);
  const { stdout } = await run('rpm', ['--dbpath', place, '-qa', '--qf', '%{NEVRA}\\n']);
  return stdout.split('\n').filter(Boolean).toSorted();
}

async function answerOf(name: string): Promise<LockedArch> {
  const lock = JSON.parse(await readFile(desk.path('recipes', `${name}.lock.json`), 'utf8')) as Lock;
  return Object.values(lock.arches)[0]!;
}

const nameOf = (nevra: string) => parseNevra(nevra)!.name;
const versionOf = (nevra: string) => Number(parseNevra(nevra)!.version);

const seen = { beside: 0, both: 0, updated: 0, downgraded: 0, obsoleted: 0 };

/** By universe, which the first letters of a name tell. */
function count({ packages, base, removed }: LockedArch, { below }: Layered): void {
  const prefix = /^w\d+/.exec(below[0]!)![0];
  const isMine = (nevra: string) => nameOf(nevra).replace(/.$/, '') === prefix;
  const kept = base.filter(isMine);
  const own = packages.map(nevraText).filter((nevra) => isMine(nevra) && !base.includes(nevra));
  const gone = removed.filter(isMine);
  const isBeside = own.some((nevra) => kept.some((other) => nameOf(other) === nameOf(nevra)));
  const moved = gone.flatMap((from) =>
    own.filter((to) => nameOf(to) === nameOf(from)).map((to) => ({ from, to })),
  );
  seen.beside += isBeside ? 1 : 0;
  seen.both += isBeside && gone.length > 0 ? 1 : 0;
  seen.updated += moved.some(({ from, to }) => versionOf(to) > versionOf(from)) ? 1 : 0;
  seen.downgraded += moved.some(({ from, to }) => versionOf(to) < versionOf(from)) ? 1 : 0;
  seen.obsoleted += gone.some((from) => !own.some((to) => nameOf(to) === nameOf(from))) ? 1 : 0;
}

interface Question {
  repos: object[];
  packages: string[];
  from?: string;
  allow?: { replace: string[] };
}

/** The image's packages, as lock and database have them; or the code of why there is none. */
async function image(name: string, question: Question): Promise<string[] | string> {
  await desk.recipe(name, { arches: ['x86_64'], ...question });
  const ended = await desk.run(['build', name, '--output', desk.path('layout', name), '--json']);
  if (ended.code !== 0) {
    const { error } = JSON.parse(ended.stdout) as { error: { code: string; message: string } };
    if (error.code !== 'SOLVE_FAILED') throw new Error(`${error.code}: ${error.message}`);
    return error.code;
  }
  const there = await installed(name);
  expect((await answerOf(name)).packages.map(nevraText).toSorted()).toEqual(there);
  return there;
}

async function compare(name: string, some: readonly Asked[]): Promise<void> {
  // In one order: where several packages answer a word, libsolv takes words by turns.
  const below = some.flatMap((one) => one.below).toSorted();
  const above = some.flatMap((one) => one.above).toSorted();
  const { best } = some[0]!;
  const [wantedBelow, wantedAbove] = await installWithDnf([
    { repository: before, words: below, best: true },
    { repository: all, words: above, best },
  ]);
  const repos = (baseurl: string) => [{ name: 'world', baseurl, gpgcheck: false }];
  const made = await image(`${name}-base`, { repos: repos(before), packages: below });
  expect(made).toEqual(wantedBelow ?? 'SOLVE_FAILED');
  if (!wantedBelow) return;
  const replace = [...new Set(some.flatMap(({ samples }) => samples.map((one) => one.name)))];
  const question = { from: `${name}-base`, repos: repos(all), packages: above };
  expect(await image(name, { ...question, allow: { replace } })).toEqual(wantedAbove ?? 'SOLVE_FAILED');
  if (!wantedAbove) return;
  const answer = await answerOf(name);
  for (const one of some) count(answer, one);
  await refuseEach(name, question, replace, answer);
}

/** What goes has to be allowed, and what goes back. */
async function refuseEach(name: string, question: Question, replace: string[], answer: LockedArch) {
  const newer = (from: string) =>
    answer.packages.some((to) => to.name === nameOf(from) && Number(to.version) > versionOf(from));
  const first = answer.removed.find((nevra) => !newer(nevra));
  if (first === undefined) return;
  const others = replace.filter((one) => one !== nameOf(first));
  await desk.recipe(name, { arches: ['x86_64'], ...question, allow: { replace: others } });
  const error = await desk.fails(['lock', name]);
  expect(error).toMatchObject({
    code: 'BASE_REPLACED',
    exit: 5,
    details: { packages: [{ package: first }] },
  });
}

test(
  `${universes} images on bases: the database is the lock, and what dnf installs`,
  { timeout: 7_200_000 },
  async () => {
    for (const alike of Map.groupBy(solvable.slice(0, universes), ({ best }) => best).values()) {
      for (let at = 0; at < alike.length; at += together)
        await compare(`image${alike[0]!.best}${at}`, alike.slice(at, at + together));
    }
    // All that can happen has happened.
    expect(Object.entries(seen).filter(([, times]) => times === 0)).toEqual([]);
  },
);

test('where dnf finds no answer, there is none', { timeout: 600_000 }, async () => {
  for (const [at, one] of unsolvable.slice(0, refusals).entries()) await compare(`refused${at}`, [one]);
});
