/** A solver session gives the answers of processes that solve one request each, in any order, and by digests of packages. */
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import type { MetadataRepository } from '../../../src/stages/repo/metadata.ts';
import { openRepository, type OpenedRepository } from '../../../src/stages/repo/repository.ts';
import type { AddonInput } from '../../../src/stages/solve/addon.ts';
import { SolverSession } from '../../../src/stages/solve/session.ts';
import { findCached } from '../../../src/stages/solve/solv-cache.ts';
import { solve, type SolveRequest } from '../../../src/stages/solve/solve.ts';
import { generator, pick, type Random } from '../../helpers/random.ts';
import { nevraOf, rpmOf, smallRepository, type SmallPackage } from '../../helpers/repo/small-repository.ts';
import { shareOfDay, soak, today } from '../../helpers/soak.ts';
import { ours, write } from './universe/compare.ts';
import { universeOf } from './universe/universe.ts';

const seeds = Array.from({ length: soak ? 60 : 4 }, (_, index) => (soak ? index + 1 : today * 4 + index));

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'session-'));
});
afterAll(() => rm(directory, { recursive: true }));

const names = Array.from({ length: 10 }, (_, index) => `k${index}`);

function packagesOf(random: Random): SmallPackage[] {
  const versions = names.flatMap((name) => [1, 2].map((version) => ({ name, version })));
  return versions.map((one) => ({
    ...one,
    arch: 'x86_64',
    requires: names.filter(() => random(8) === 0),
  }));
}

async function open(place: string, packages: readonly SmallPackage[]): Promise<OpenedRepository> {
  for (const [path, bytes] of Object.entries(smallRepository(packages, 1_700_000_000))) {
    await mkdir(dirname(join(place, path)), { recursive: true });
    await writeFile(join(place, path), bytes);
  }
  const definition = { name: 'small', baseurl: place, keys: [], exclude: [], gpgcheck: false };
  return openRepository(definition, join(directory, 'cache'), { arch: 'x86_64', progress: silent });
}

/** Of the first versions, with all that they need: enough to be installed. */
function installedOf(random: Random, packages: readonly SmallPackage[]): SmallPackage[] {
  const found = new Set<SmallPackage>();
  const add = (name: string) => {
    const one = packages.find((candidate) => candidate.name === name)!;
    if (found.has(one)) return;
    found.add(one);
    for (const required of one.requires ?? []) add(required);
  };
  add(pick(random, names));
  return [...found];
}

const digestOf = (one: SmallPackage) => sha256Of(rpmOf(one));

test.each(seeds)('world %i', async (seed) => {
  const random = generator(seed);
  const packages = packagesOf(random);
  const place = join(directory, String(seed));
  const repositories = [await open(place, packages)];
  await using session = new SolverSession();
  const solver = session.solve.bind(session);
  for (let turn = 0; turn < 8; turn++) {
    const installed = random(3) === 0 ? [] : installedOf(random, packages);
    const isKept = random(2) === 0;
    const words = [pick(random, names), pick(random, names)];
    const update = isKept ? installed.slice(0, 1).map(({ name }) => name) : [];
    const requestWith = (files: string[]): SolveRequest => ({
      arch: 'x86_64',
      repositories,
      install: words,
      exclude: turn % 4 === 3 ? [names[seed % names.length]!] : [],
      weakDeps: false,
      ...(isKept ? { kept: { files, update } } : { installed: files }),
    });
    const outcome = (request: SolveRequest) =>
      solve(request).catch((error: unknown) => ({ code: (error as { code: string }).code }));
    const alone = await outcome(requestWith(installed.map((one) => join(place, `${nevraOf(one)}.rpm`))));
    const shared = await outcome({ ...requestWith(installed.map(digestOf)), solver });
    expect(shared).toEqual(alone);
  }
});

test('universes with all kinds of dependencies, one session for all of them', async () => {
  await using session = new SolverSession();
  const solver = session.solve.bind(session);
  for (const seed of shareOfDay(
    Array.from({ length: 60 }, (_, index) => index + 1),
    6,
  )) {
    const written = await write(universeOf(seed), join(directory, `u${seed}`));
    expect(await ours(written, solver), `universe ${seed}`).toEqual(await ours(written));
  }
});

test('a digest that no repository has is told, and the next request is answered', async () => {
  const repository = await open(join(directory, 'missing'), [{ name: 'k0', version: 1, arch: 'x86_64' }]);
  await using session = new SolverSession();
  const told: string[][] = [];
  const absent = `sha256:${'0'.repeat(64)}`;
  const request = { arch: 'x86_64', repositories: [repository], install: ['k0'], weakDeps: false };
  const solver: NonNullable<SolveRequest['solver']> = async (input) => {
    const output = await session.solve(input);
    told.push(output.missing ?? []);
    return output.missing ? session.solve({ ...input, installed: [] }) : output;
  };
  const { packages } = await solve({ ...request, installed: [absent], solver });
  expect(told).toEqual([[absent]]);
  expect(packages.map(({ name }) => name)).toEqual(['k0']);
});

test('a session that caches loads a repository once, and leaves the caches that a process leaves', async () => {
  const packages = packagesOf(generator(1));
  const place = join(directory, 'cached');
  const repository = (await open(place, packages)) as MetadataRepository;
  const request = { arch: 'x86_64', repositories: [repository], weakDeps: false };
  const alone = await solve({ ...request, install: ['k1'] });
  const [left] = await findCaches(repository);
  await rm(left!.path);
  await using session = new SolverSession({ isCaching: true });
  const shared = { solver: (input: AddonInput) => session.solve(input), knownCaches: new Map() };
  await solve({ ...request, ...shared, install: ['k0'] });
  expect(await findCaches(repository)).toEqual([left]);
  // Neither the document nor its cached form is read again.
  await truncate(left!.path);
  await truncate(repository.primary);
  expect(await solve({ ...request, ...shared, install: ['k1'] })).toEqual(alone);
});

const findCaches = async ({ primary }: MetadataRepository) => [await findCached([primary])];
