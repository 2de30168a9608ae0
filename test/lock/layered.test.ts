/** Random images on random bases: rpm's database has what the lock says, and dnf would have installed the same. */
import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/host/exec.ts';
import type { Lock, LockedArch } from '../../src/lock/lock.ts';
import { parseNevra } from '../../src/rpm/package.ts';
import { layersOf, listTars } from '../cli/layout.ts';
import { Desk } from '../cli/milliner.ts';
import { repositoryOf } from '../solve/packages.ts';
import { installWithDnf } from './dnf.ts';
import { layered, prefixed, type Layered } from './layered.ts';

const worlds = process.env['MILLINER_SOAK'] ? 300 : Number(process.env.WORLDS ?? 8);
const seed = Number(process.env['MILLINER_SEED'] ?? 15);

let desk: Desk;
let all: string;
let before: string;
let samples: Layered[];
beforeAll(async () => {
  desk = await Desk.open();
  samples = fc
    .sample(layered, { numRuns: worlds, seed })
    .map((one, index) => prefixed(one, `w${index}`))
    .slice(Number(process.env['FROM'] ?? 0));
  all = await repositoryOf(
    desk.directory,
    'all',
    samples.flatMap((one) => one.samples),
  );
  before = desk.path('before');
  await mkdir(before);
  for (const file of await readdir(all))
    if (/-[12]-1\.noarch\.rpm$/.test(file)) await link(join(all, file), join(before, file));
  await run('createrepo_c', ['--quiet', '--no-database', '--compress-type=gz', before]);
}, 600_000);
afterAll(() => desk.remove());

const database = 'usr/lib/sysimage/rpm/rpmdb.sqlite';

/** What rpm itself finds in the image. */
async function installed(name: string): Promise<string[]> {
  const tars = await layersOf(desk.path('layout', name), name);
  const holds = tars.findLast((tar) => listTars([tar]).split('\n').includes(database))!;
  const place = await mkdtemp(desk.path('database-'));
  try {
    await writeFile(
      join(place, 'rpmdb.sqlite'),
      execFileSync('tar', ['-xOf', '-', database], { input: holds, maxBuffer: 1 << 28 }),
    );
    const { stdout } = await run('rpm', ['--dbpath', place, '-qa', '--qf', '%{NEVRA}\\n']);
    return stdout.split('\n').filter(Boolean).toSorted();
  } finally {
    await rm(place, { recursive: true });
  }
}

async function answerOf(name: string): Promise<LockedArch> {
  const lock = JSON.parse(await readFile(desk.path('recipes', `${name}.lock.json`), 'utf8')) as Lock;
  return Object.values(lock.arches)[0]!;
}

const locked = ({ packages }: LockedArch) => packages.map(({ nevra }) => nevra).toSorted();
const nameOf = (nevra: string) => parseNevra(nevra)!.name;
const versionOf = (nevra: string) => Number(parseNevra(nevra)!.version);

const answers = (nevra: string, word: string) => word === nameOf(nevra) || nevra.startsWith(`${word}-`);

const seen = { unsolvable: 0, beside: 0, both: 0, replaced: 0, downgraded: 0, obsoleted: 0 };

function count({ packages, base, removed }: LockedArch): void {
  const own = packages.map(({ nevra }) => nevra).filter((nevra) => !base.includes(nevra));
  const isBeside = own.some((nevra) => base.some((other) => nameOf(other) === nameOf(nevra)));
  const moved = removed.flatMap((from) =>
    own.filter((to) => nameOf(to) === nameOf(from)).map((to) => ({ from, to })),
  );
  seen.beside += isBeside ? 1 : 0;
  seen.both += isBeside && removed.length > 0 ? 1 : 0;
  seen.replaced += removed.length > 0 ? 1 : 0;
  seen.downgraded += moved.some(({ from, to }) => versionOf(to) < versionOf(from)) ? 1 : 0;
  seen.obsoleted += removed.some((from) => !own.some((to) => nameOf(to) === nameOf(from))) ? 1 : 0;
}

async function image(name: string, fields: object): Promise<string[] | string> {
  await desk.recipe(name, { arches: ['x86_64'], ...fields });
  const layout = desk.path('layout', name);
  const ended = await desk.run(['build', name, '--output', layout, '--json']);
  if (ended.code !== 0) {
    const { error } = JSON.parse(ended.stdout) as { error: { code: string; message: string } };
    if (error.code !== 'SOLVE_FAILED') throw new Error(`${error.code}: ${error.message}`);
    return error.code;
  }
  try {
    const there = await installed(name);
    expect(locked(await answerOf(name))).toEqual(there);
    return there;
  } finally {
    await rm(layout, { recursive: true });
  }
}

async function compare({ samples: packages, below, above }: Layered, index: number): Promise<void> {
  // The best is insisted on where the base does not answer a word already: dnf knows it of all words, or of none.
  const best = (installed: readonly string[]) =>
    !above.some((word) => installed.some((one) => answers(one, word)));
  const [wantedBelow, wantedAbove] = await installWithDnf([
    { repository: before, words: below, best },
    { repository: all, words: above, best },
  ]);
  const name = `image${index}`;
  const repos = (baseurl: string) => [{ name: 'world', baseurl, gpgcheck: false }];
  const base = await image(`base${index}`, { repos: repos(before), packages: below });
  expect(base).toEqual(wantedBelow ?? 'SOLVE_FAILED');
  if (!wantedBelow) return void (seen.unsolvable += 1);
  const allow = { replace: [...new Set(packages.map((one) => one.name))] };
  const fields = { from: `base${index}`, repos: repos(all), packages: above };
  const made = await image(name, { ...fields, allow });
  expect(made).toEqual(wantedAbove ?? 'SOLVE_FAILED');
  if (!wantedAbove) return void (seen.unsolvable += 1);
  const answer = await answerOf(name);
  count(answer);
  if (answer.removed.length === 0) return;
  // Each of them is asked for.
  const [first = ''] = answer.removed;
  const others = allow.replace.filter((one) => one !== nameOf(first));
  await desk.recipe(name, { ...fields, arches: ['x86_64'], allow: { replace: others } });
  const error = await desk.fails(['lock', name]);
  expect(error).toMatchObject({ code: 'BASE_REPLACED', details: { packages: [{ package: first }] } });
}

test(
  `${worlds} images on bases: the database is the lock, and what dnf installs`,
  { timeout: 7_200_000 },
  async () => {
    const failures: string[] = [];
    for (const [index, one] of samples.entries()) {
      await compare(one, index).catch((error: unknown) => {
        if(process.env['LOG'])console.log(index, one.below, one.above, inspect(error));
        failures.push(`${JSON.stringify(one)}: ${inspect(error)}`);
      });
    }
    expect(failures).toEqual([]);
    // All that can happen has happened.
    console.log(seen);
    for (const times of Object.values(seen)) expect(times).toBeGreaterThan(0);
  },
);
