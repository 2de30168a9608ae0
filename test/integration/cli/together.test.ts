/** Several commands at once on one state directory: all end well, with the digests that one alone gives. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ContentStore } from '../../../src/stages/content/store.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { indexOf } from '../../helpers/oci-layout.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { leftovers } from '../../helpers/traces.ts';

useOneProcess();

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

/** Two recipes on one base. */
async function family(): Promise<{ base: string; left: string; right: string }> {
  const baseurl = await desk.repository('packages', ['tiny-base', 'tiny-app', 'tiny-extra']);
  const repos = [{ name: 'tiny', baseurl, keys: [(await tinyPackages()).key] }];
  const files = [{ path: '/etc/right', content: 'right', owner: 'tiny:tiny' }];
  return {
    base: await desk.recipe('base', { repos, packages: ['tiny-base'] }),
    left: await desk.recipe('left', { from: 'base', repos, packages: ['tiny-extra'] }),
    right: await desk.recipe('right', { from: 'base', repos, packages: ['tiny-app'], files }),
  };
}

const digests = (answers: BuildAnswer[]) => answers.map(({ manifestDigest }) => manifestDigest);

test('two builds of one recipe, and of two recipes on one base, from nothing', async () => {
  const { left, right } = await family();
  const answers = await Promise.all([left, left, right, right].map((recipe) => desk.build(recipe)));
  const [first, second, third, fourth] = digests(answers);
  expect(second).toBe(first);
  expect(fourth).toBe(third);
  expect(answers[0]!.layers[0]).toEqual(answers[2]!.layers[0]);
  const alone = await Desk.open();
  try {
    const again = [left, right].map((recipe) => desk.build(recipe, '--state', alone.state));
    expect(digests(await Promise.all(again))).toEqual([first, third]);
  } finally {
    await alone.remove();
  }
});

test('two locks of one recipe at once write the same lock', async () => {
  const { left } = await family();
  const locks = await Promise.all(
    [0, 1, 2].map(() => desk.json<{ lockDigest: string; path: string }>(['lock', left])),
  );
  expect(new Set(locks.map(({ lockDigest }) => lockDigest)).size).toBe(1);
  const lock = JSON.parse(await readFile(locks[0]!.path, 'utf8')) as { digest: string };
  expect(lock.digest).toBe(locks[0]!.lockDigest);
});

test('two builds into one layout: both tags are in its index', async () => {
  const { base, left, right } = await family();
  await desk.build(base);
  const output = desk.path('oci');
  await Promise.all([left, right, base].map((recipe) => desk.build(recipe, '--output', output)));
  const tags = (await indexOf(output)).map(
    (entry) => entry.annotations?.['org.opencontainers.image.ref.name'],
  );
  expect(tags).toHaveLength(3);
  expect(new Set(tags)).toEqual(new Set(['base', 'left', 'right']));
});

test('gc beside builds takes nothing from them', async () => {
  const { left, right } = await family();
  const gc = () => desk.json(['gc', '--keep-days', '0']);
  const [first, second] = await Promise.all([desk.build(left), desk.build(right), gc(), gc()]);
  await Promise.all([gc(), desk.build(left)]);
  for (const [recipe, answer] of [
    [left, first],
    [right, second],
  ] as const) {
    expect(await desk.build(recipe, '--output', desk.path('oci'))).toMatchObject({
      manifestDigest: answer.manifestDigest,
    });
  }
});

test('gc that waits for a build keeps what the build has made meanwhile', async () => {
  const { left } = await family();
  await desk.build(left);
  const store = await ContentStore.open(desk.state);
  const waiting = await store.lease(async () => {
    const gc = desk.start(['gc', '--keep-days', '0']);
    await waitFor(gc.stderr, 'waiting for');
    const changed = await desk.recipe('other', {
      from: 'base',
      packages: [],
      files: [{ path: '/a', content: 'a' }],
    });
    await desk.build(changed);
    await sleep(10);
    return { gc };
  });
  expect((await waiting.gc).exitCode).toBe(0);
  const ended = await desk.run(['build', join(desk.recipes, 'other.yaml'), '--output', desk.path('oci')]);
  expect(ended.code).toBe(0);
  expect(ended.stderr).toContain('other: unchanged');
});

test('gc forgets an image by name, keeps what others stand on, and a build makes it again', async () => {
  const { base, left } = await family();
  const first = await desk.build(left);
  expect(await desk.json(['rmi', 'base'])).toMatchObject({
    images: ['base'],
    snapshots: [],
  });
  await desk.build(base);
  expect(await desk.build(left)).toMatchObject({ manifestDigest: first.manifestDigest });
  const gone = await desk.json<{ snapshots: string[] }>(['rmi', 'left']);
  expect(gone.snapshots).toHaveLength(1);
  expect(await desk.build(left)).toMatchObject({ manifestDigest: first.manifestDigest });
});

test('a base that is built again to the same digest serves the images on it as before', async () => {
  const { base, right } = await family();
  const first = await desk.build(right);
  const repos = [{ name: 'tiny', baseurl: desk.path('packages'), keys: [(await tinyPackages()).key] }];
  await desk.recipe('base', { repos, packages: ['tiny-base'], layers: { max: 7 } });
  await desk.build(base);
  const files = [{ path: '/etc/right', content: 'right', owner: 'tiny:tiny' }];
  await desk.recipe('right', { from: 'base', repos, packages: ['tiny-app'], files, layers: { max: 12 } });
  expect(await desk.build(right)).toMatchObject({ manifestDigest: first.manifestDigest });
});

async function waitFor(stream: AsyncIterable<Buffer> | null, words: string): Promise<void> {
  let said = '';
  for await (const chunk of stream ?? []) {
    said += chunk.toString();
    if (said.includes(words)) return;
  }
  throw new Error(`ended without "${words}": ${said}`);
}
