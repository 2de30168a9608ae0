/** Metadata cached in libsolv's own format: the same answers with it and without, and never one from a file that is not whole. */
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import { openRepository } from '../../../src/stages/repo/repository.ts';
import { solve, type Solution } from '../../../src/stages/solve/solve.ts';
import { ours, shuffled, write } from './universe/compare.ts';
import { writeRepository } from './universe/files.ts';
import { universeOf } from './universe/universe.ts';
import { shareOfDay } from '../../helpers/soak.ts';

const seeds = shareOfDay(
  Array.from({ length: 60 }, (_, index) => index + 1),
  5,
);

let directory: string;
const cache = () => join(directory, 'metadata');
const cached = () => readdirSync(cache()).filter((name) => name.endsWith('.solv'));

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cached-'));
  for (const { name, packages } of universeOf(1).repositories)
    await writeRepository(join(directory, name), packages);
});
beforeEach(() => rmSync(cache(), { recursive: true, force: true }));
afterAll(() => rmSync(directory, { recursive: true }));

/** With file lists where a file asks for them. */
async function ask(install: string): Promise<Solution> {
  const repositories = await Promise.all(
    universeOf(1).repositories.map(({ name }) => {
      const definition = { name, baseurl: join(directory, name), keys: [], exclude: [], gpgcheck: false };
      return openRepository(definition, cache(), { arch: 'x86_64', progress: silent });
    }),
  );
  return solve({ arch: 'x86_64', repositories, install: [install], weakDeps: false });
}

const names = universeOf(1).repositories.flatMap(({ packages }) => packages.map(({ name }) => name));
const answerable = async () => {
  for (const name of names) if (await ask(name).catch(() => undefined)) return name;
  throw new Error('nothing in this universe can be installed');
};

test('universes solved twice, the second time from what was cached, give one answer in any order of their packages', async () => {
  for (const seed of seeds) {
    const universe = universeOf(seed);
    const one = await write(universe, join(directory, `u${seed}`));
    const first = await ours(one);
    expect(await ours(one), `universe ${seed}`).toEqual(first);
    const other = await write(shuffled(universe, seed), join(directory, `s${seed}`));
    const { solved, packages, removed } = await ours(other);
    expect({ solved, packages, removed }, `universe ${seed}, shuffled`).toEqual({
      solved: first.solved,
      packages: first.packages,
      removed: first.removed,
    });
  }
});

test('a file that is damaged, cut short, longer or empty is made anew', async () => {
  const name = await answerable();
  const first = await ask(name);
  const files = cached();
  expect(files.length).toBeGreaterThan(0);
  const whole = readFileSync(join(cache(), files[0]!));
  for (const harm of [
    (path: string) => truncateSync(path, whole.length - 1),
    (path: string) => truncateSync(path, 40),
    (path: string) => truncateSync(path, 0),
    (path: string) => appendFileSync(path, 'x'),
    (path: string) => writeFileSync(path, whole.fill(0xff, 100, 110)),
  ]) {
    harm(join(cache(), files[0]!));
    expect(await ask(name)).toEqual(first);
    // As it was: what is cached depends on the document alone.
    expect(cached()).toEqual(files);
    expect(readFileSync(join(cache(), files[0]!)).length).toBe(whole.length);
  }
});

test('what was cached of other metadata does not pass under this name', async () => {
  const name = await answerable();
  const first = await ask(name);
  const [a, b] = cached();
  if (a === undefined || b === undefined) throw new Error('the universe has one repository only');
  writeFileSync(join(cache(), a), readFileSync(join(cache(), b)));
  expect(await ask(name)).toEqual(first);
  expect(readFileSync(join(cache(), a))).not.toEqual(readFileSync(join(cache(), b)));
});

test('solves at the same time leave one whole file each', async () => {
  const name = await answerable();
  rmSync(cache(), { recursive: true });
  const answers = await Promise.all(Array.from({ length: 6 }, () => ask(name)));
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(readdirSync(cache()).filter((file) => file.endsWith('.new'))).toEqual([]);
  expect(await ask(name)).toEqual(answers[0]);
});
