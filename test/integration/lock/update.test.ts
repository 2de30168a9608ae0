/** lock --update as a question to the solver: what was asked for moves, what that needs moves, nothing else does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { openRepository } from '../../../src/stages/repo/repository.ts';
import { solve, type Solution } from '../../../src/stages/solve/solve.ts';
import {
  fileOf,
  isSound,
  reached,
  soundChoices,
  world,
  writePackages,
  type Chosen,
  type Version,
} from './universe.ts';

const soak = process.env['MILLINER_SOAK'] !== undefined;
const runs = soak ? 2000 : 30;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'update-'));
});
afterAll(() => rm(directory, { recursive: true }));

let count = 0;
async function repository(versions: readonly Version[]) {
  const baseurl = join(directory, `${++count}`);
  await writePackages(baseurl, versions);
  const definition = { name: 'world', baseurl, keys: [], exclude: [], gpgcheck: false };
  const options = { arch: 'x86_64', progress: silent };
  return { baseurl, repositories: [await openRepository(definition, join(directory, 'cache'), options)] };
}

const isUnsolvable = (error: unknown) => error instanceof MillinerError && error.code === 'SOLVE_FAILED';
const answerOf = (work: Promise<Solution>): Promise<Solution | undefined> =>
  work.catch((error: unknown) => {
    if (isUnsolvable(error)) return undefined;
    throw error;
  });

function chosen(versions: readonly Version[], solution: Solution): Map<string, Version> {
  const found = solution.packages.map((one) =>
    versions.find(({ name, version }) => one.name === name && one.version === String(version))!,
  );
  return new Map(found.map((one) => [one.name, one]));
}

/** Of the locked packages, those that are there in another version. */
function changed(locked: Chosen, now: Chosen): string[] {
  return [...locked.keys()].filter((name) => now.has(name) && locked.get(name) !== now.get(name));
}

/** Leaves more as it was; what comes new and what goes is what does so with the other too. */
function isCloser(locked: Chosen, one: Chosen, other: Chosen): boolean {
  const [mine, theirs] = [changed(locked, one), changed(locked, other)];
  const isSubset = mine.length < theirs.length && mine.every((name) => theirs.includes(name));
  const comesToo = [...one].every(([name, version]) => locked.has(name) || other.get(name) === version);
  return isSubset && comesToo && [...other.keys()].every((name) => one.has(name) || !locked.has(name));
}

function after(locked: Chosen, all: readonly Version[], solution: Solution): Chosen {
  const gone = new Set(solution.removed.map(({ name }) => name));
  const staying = [...locked.values()].filter(({ name }) => !gone.has(name));
  return new Map([...staying.map((one) => [one.name, one] as const), ...chosen(all, solution)]);
}

test(
  `of ${runs} worlds: nothing moves that could have stayed, nothing stays that nothing needs`,
  { timeout: 300_000 },
  async () => {
    const seen = { updated: 0, withOthers: 0, dropped: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(world, async ({ before, since, words, pick }) => {
        const old = await repository(before);
        const common = { arch: 'x86_64', weakDeps: false, install: words };
        const first = await answerOf(solve({ ...common, repositories: old.repositories }));
        fc.pre(first !== undefined);
        const locked = chosen(before, first);
        const update = [...locked.keys()][pick % locked.size]!;
        const files = [...locked.values()].map((one) => join(old.baseurl, fileOf(one)));
        const all = [...before, ...since];
        const { repositories } = await repository(all);
        const second = await answerOf(solve({ ...common, repositories, kept: { files, update: [update] } }));

        const best = all.filter(({ name }) => name === update).toSorted((a, b) => b.version - a.version)[0]!;
        const possible = [...soundChoices(all, words)].filter((one) => one.get(update) === best);
        if (!second) {
          seen.refused += 1;
          expect(possible).toEqual([]);
          return;
        }
        const now = after(locked, all, second);
        expect(isSound(now, words)).toBe(true);
        const needed = reached(now, words);
        expect([...now.keys()].toSorted()).toEqual([...needed].toSorted());
        if (now.has(update)) expect(now.get(update)).toBe(best);
        const changes = changed(locked, now);
        const closer = possible.filter(
          (one) => reached(one, words).size === one.size && isCloser(locked, one, now),
        );
        expect(closer).toEqual([]);
        seen.updated += changes.length > 0 ? 1 : 0;
        seen.withOthers += changes.length > 1 ? 1 : 0;
        seen.dropped += second.removed.some(({ name }) => !now.has(name)) ? 1 : 0;
      }),
      { numRuns: runs },
    );
    // All that can happen has happened; in a few worlds some of it may not.
    const { updated, ...others } = seen;
    for (const times of [updated, ...(soak ? Object.values(others) : [])]) expect(times).toBeGreaterThan(0);
  },
);
