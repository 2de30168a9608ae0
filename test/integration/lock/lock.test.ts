/** The lock as its users have it: the same bytes for the same input, and updates that move what is asked for. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { SetChanges } from '../../../src/pipeline/lock/lock-changes.ts';
import type { LockDiff } from '../../../src/pipeline/report/lock-diff.ts';
import type { AbsenceReport, PresenceReport } from '../../../src/pipeline/report/explain-package.ts';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { editPrimary } from '../../helpers/repo/edit-primary.ts';
import { repositoryOf, type Sample } from '../../helpers/solve/packages.ts';
import { upgradeWithDnf } from './dnf.ts';

useOneProcess();

const first: readonly Sample[] = [
  { name: 'shop', Requires: ['libshop = 1', 'cart', 'ssl'] },
  { name: 'libshop', Provides: 'libshop = 1' },
  { name: 'cart', Requires: ['ssl', 'wheels'] },
  { name: 'wheels' },
  { name: 'ssl', Requires: 'zlib' },
  { name: 'zlib' },
  { name: 'other', Requires: 'zlib' },
];
const since: readonly Sample[] = [
  { name: 'shop', version: '2', Requires: ['libshop >= 2', 'cart', 'ssl'] },
  { name: 'libshop', version: '2', Provides: 'libshop = 2', Requires: 'brotli' },
  { name: 'brotli' },
  { name: 'cart', version: '2', Requires: 'ssl >= 2' },
  { name: 'ssl', version: '2', Requires: 'zlib' },
  { name: 'zlib', version: '2' },
  { name: 'other', version: '2', Requires: 'zlib' },
];
const words = ['shop', 'other'];

let desk: Desk;
let packages: string;
beforeAll(async () => {
  desk = await Desk.open();
  packages = await repositoryOf(desk.directory, 'packages', first);
  const repos = [{ name: 'samples', baseurl: packages, gpgcheck: false }];
  await desk.recipe('image', { repos, packages: words, arches: ['x86_64'] });
}, 60_000);
afterAll(() => desk.remove());

const lockPath = () => desk.path('recipes', 'image.lock.json');
const readLock = async () => JSON.parse(await readFile(lockPath(), 'utf8')) as Lock;
const names = (lock: Lock) => lock.arches['x86_64']!.packages.map(({ nevra }) => nevra).toSorted();

interface LockAnswer {
  lockDigest: string;
  arches: Record<string, { changes?: { packages: SetChanges; tools: SetChanges } }>;
}

test('the same input gives the same bytes: wherever, in any locale, with caches or without, however mirrors list it', async () => {
  await desk.json(['lock', 'image']);
  const bytes = await readFile(lockPath());
  const again = async (env: Record<string, string>, state = desk.state) => {
    await rm(lockPath());
    const ended = await desk.run(['lock', 'image', '--state', state], { env });
    expect(ended.stderr + ended.code).toMatch(/0$/);
    expect(await readFile(lockPath())).toEqual(bytes);
  };
  await again({});
  await again({ TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8' });
  await again({ TZ: 'America/St_Johns' }, desk.path('another', 'state'));
  for (const seed of [1, 2, 3]) {
    await run('createrepo_c', ['--quiet', '--no-database', '--compress-type=gz', packages]);
    await editPrimary(packages, (text) => shuffled(text, seed));
    await again({}, seed === 3 ? desk.path('a third') : desk.state);
  }
  // Upon itself: the plan of its layers is kept as well.
  await desk.json(['lock', 'image']);
  expect(await readFile(lockPath())).toEqual(bytes);
});

/** The packages of a primary.xml in another order. */
function shuffled(text: string, seed: number): string {
  const all = text.match(/<package .*?<\/package>/gs)!;
  const order = all.toSorted((a, b) => hash(a, seed) - hash(b, seed));
  expect(order).not.toEqual(all);
  return text.replace(/<package .*<\/package>/s, () => order.join('\n'));
}

function hash(text: string, seed: number): number {
  return createHash('sha256').update(`${seed}${text}`).digest().readUInt32BE();
}

/** The first lock again, before what has come since. */
async function outdated(): Promise<void> {
  await rm(packages, { recursive: true });
  await repositoryOf(desk.directory, 'packages', first);
  await rm(lockPath(), { force: true });
  await desk.json(['lock', 'image', '--allow-older', 'samples']);
  await repositoryOf(desk.directory, 'packages', since);
}

interface Expected {
  updated: string[];
  added?: string[];
  removed?: string[];
}

test.each<[string, Expected]>([
  ['zlib', { updated: ['zlib'] }],
  ['cart', { updated: ['cart', 'ssl'], removed: ['wheels'] }],
  ['shop', { updated: ['libshop', 'shop'], added: ['brotli'] }],
  ['ssl', { updated: ['ssl'] }],
])('--update %s moves it and what it needs, as dnf does', { timeout: 60_000 }, async (word, expected) => {
  await outdated();
  const before = await readLock();
  const { arches } = await desk.json<LockAnswer>(['lock', 'image', '--update', word]);
  const { packages: changes } = arches['x86_64']!.changes!;
  const nameOf = (nevra: string) => nevra.replace(/-[^-]+-[^-]+$/, '');
  expect(changes.updated.map(({ to }) => nameOf(to)).toSorted()).toEqual(expected.updated);
  expect(changes.added.map(nameOf)).toEqual(expected.added ?? []);
  expect(changes.removed.map(nameOf)).toEqual(expected.removed ?? []);
  expect([changes.downgraded, changes.rebuilt]).toEqual([[], []]);

  const now = await readLock();
  const moved = new Set([...changes.updated.map(({ from }) => from), ...changes.removed]);
  const same = before.arches['x86_64']!.packages.filter(({ nevra }) => !moved.has(nevra));
  // Nothing of what stays changes, not even where it is fetched from.
  for (const one of same) expect(now.arches['x86_64']!.packages).toContainEqual(one);
  const dnf = await upgradeWithDnf(packages, { installed: names(before), asked: words, upgrade: word });
  expect(names(now)).toEqual(dnf);
});

test('a source package, several names, what the recipe asks for newly; and the words for what changed', async () => {
  await outdated();
  const text = await desk.run(['lock', 'image', '--update', 'z*', 'ssl']);
  expect(text.stdout).toContain('x86_64: 2 updated');
  expect(text.stdout).toContain('  ~ zlib-1-1.x86_64 -> zlib-2-1.x86_64');
  const repos = [{ name: 'samples', baseurl: packages, gpgcheck: false }];
  await desk.recipe('image', { repos, packages: ['shop', 'brotli'], arches: ['x86_64'] });
  const { arches } = await desk.json<LockAnswer>(['lock', 'image', '--update', 'brotli']);
  expect(arches['x86_64']!.changes!.packages).toMatchObject({
    added: ['brotli-1-1.x86_64'],
    removed: ['other-1-1.x86_64'],
    updated: [],
  });
  await desk.recipe('image', { repos, packages: words, arches: ['x86_64'] });
});

test('a package that no repository has any more stays while its file can be had, and is named when it cannot', async () => {
  await outdated();
  await rm(packages, { recursive: true });
  await repositoryOf(desk.directory, 'packages', since);
  await desk.json(['lock', 'image', '--update', 'zlib']);
  expect(names(await readLock())).toContain('wheels-1-1.x86_64');
  const error = await desk.fails(['lock', 'image', '--update', 'ssl', '--state', desk.path('empty')]);
  expect(error).toMatchObject({ code: 'REPO_UNAVAILABLE', exit: 4 });
  expect(error.message).toMatch(/(cart|libshop|other|shop|ssl|wheels)-1-1\.x86_64/);
});

test('a name that nothing has, and names without --update, are refused and change nothing', async () => {
  await outdated();
  const bytes = await readFile(lockPath());
  expect(await desk.fails(['lock', 'image', '--update', 'zlib', 'zilb'])).toMatchObject({
    code: 'PACKAGE_NOT_FOUND',
    exit: 3,
    details: { package: 'zilb' },
  });
  expect(await desk.fails(['lock', 'image', 'zlib'])).toMatchObject({ code: 'USAGE', exit: 2 });
  expect(await readFile(lockPath())).toEqual(bytes);
});

test('--why: the way from what the recipe asks for; --why-not: what stands in the way; both write nothing', async () => {
  await outdated();
  const bytes = await readFile(lockPath());
  const why = await desk.json<PresenceReport>(['lock', 'image', '--why', 'wheels']);
  expect(why).toEqual({
    name: 'image',
    arch: 'x86_64',
    word: 'wheels',
    packages: [
      {
        nevra: 'wheels-1-1.x86_64',
        steps: [
          { package: 'wheels-1-1.x86_64', kind: 'requires', by: 'cart-1-1.x86_64', dependency: 'wheels' },
          { package: 'cart-1-1.x86_64', kind: 'requires', by: 'shop-1-1.x86_64', dependency: 'cart' },
          { package: 'shop-1-1.x86_64', kind: 'asked', dependency: 'shop' },
        ],
      },
    ],
  });
  const text = await desk.run(['lock', 'image', '--why', 'zl*']);
  expect(text.stdout).toMatch(/^zlib-1-1.x86_64\n {2}required by (other|ssl)-1-1.x86_64: zlib\n/);
  const not = async (word: string) =>
    (await desk.json<AbsenceReport>(['lock', 'image', '--why-not', word])).answer;
  expect(await not('brotli')).toMatchObject({ kind: 'unneeded', candidates: [{ name: 'brotli' }] });
  expect(await not('zlib-2')).toMatchObject({
    kind: 'version',
    by: ['zlib-1-1.x86_64'],
    detail: 'installed',
  });
  expect(await not('zlib')).toMatchObject({ kind: 'present', by: ['zlib-1-1.x86_64'] });
  expect(await not('nowhere')).toMatchObject({ kind: 'unknown' });
  expect(await desk.fails(['lock', 'image', '--why', 'brotli'])).toMatchObject({ code: 'PACKAGE_NOT_FOUND' });
  expect(await readFile(lockPath())).toEqual(bytes);
  await rm(lockPath());
  expect(await desk.fails(['lock', 'image', '--why', 'zlib'])).toMatchObject({ code: 'LOCK_NOT_FOUND' });
});

test('lock diff: two files, and what git has of one', { timeout: 60_000 }, async () => {
  await outdated();
  const git = (...args: string[]) =>
    run('git', ['-C', desk.recipes, '-c', 'user.name=t', '-c', 'user.email=t@t.invalid', ...args]);
  await git('init', '-q');
  await git('add', '.');
  await git('commit', '-qm', 'locked');
  await mkdir(desk.path('old'), { recursive: true });
  await writeFile(desk.path('old', 'a.lock.json'), await readFile(lockPath()));
  await desk.json(['lock', 'image']);
  const advisory = `<updates><update type="security"><id>A-1</id><title>zlib</title><severity>Low</severity><pkglist>
    <collection><package name="zlib" version="2" release="1" arch="x86_64"/></collection></pkglist></update></updates>`;
  await writeFile(desk.path('updateinfo.xml'), advisory);
  await run('modifyrepo_c', [desk.path('updateinfo.xml'), join(packages, 'repodata')]);
  const two = await desk.json<LockDiff>(['lock', 'diff', 'old/a.lock.json', 'recipes/image.lock.json']);
  const one = await desk.json<LockDiff>(['lock', 'diff', 'image']);
  expect(one.locks).toEqual(['HEAD:./image.lock.json', 'image']);
  const changes = two.arches['x86_64']!.packages;
  expect(one.arches['x86_64']!.packages).toEqual(changes);
  expect(changes.added).toEqual(['brotli-1-1.x86_64']);
  expect(changes.removed).toEqual(['wheels-1-1.x86_64']);
  expect(changes.updated.map(({ to }) => to)).toEqual(
    ['cart', 'libshop', 'other', 'shop', 'ssl', 'zlib'].map((name) => `${name}-2-1.x86_64`),
  );
  expect(changes.updated.every(({ changelog }) => changelog)).toBe(true);
  expect(two.arches['x86_64']!.advisories!.map(({ id }) => id)).toEqual(['A-1']);
  const back = await desk.json<LockDiff>(['lock', 'diff', 'image', 'old/a.lock.json']);
  expect(back.arches['x86_64']!.packages.downgraded).toHaveLength(6);
  expect(await desk.fails(['lock', 'diff', 'old/a.lock.json'])).toMatchObject({ code: 'LOCK_NOT_FOUND' });
});
