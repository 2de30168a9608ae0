/** Images under names, as git has commits under branches: tag, log, checkout, history, rmi, and what gc keeps. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NameLog } from '../../../src/pipeline/report/name-log.ts';
import type { LayerHistory } from '../../../src/pipeline/report/layer-history.ts';
import type { ImagesReport } from '../../../src/pipeline/report/list-images.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';

useOneProcess();

let desk: Desk;
const digests: string[] = [];
beforeAll(async () => {
  desk = await Desk.open();
  await desk.repository('packages', ['tiny-base', 'tiny-app']);
  await buildWith({});
  await buildWith({ files: [{ path: '/etc/word', content: 'one' }] });
  await buildWith({ packages: ['tiny-base', 'tiny-app'] });
});
afterAll(() => desk.remove());

async function buildWith(fields: object): Promise<void> {
  const repos = [{ name: 'tiny', baseurl: desk.path('packages'), keys: [(await tinyPackages()).key] }];
  const recipe = await desk.recipe('hat', { repos, packages: ['tiny-base'], ...runsToItsEnd, ...fields });
  await desk.json(['lock', recipe]);
  digests.push((await desk.build(recipe)).manifestDigest);
}

const log = async (name: string) => (await desk.json<NameLog>(['log', name])).generations;
const digestOf = async (image: string) =>
  (await desk.json<{ manifestDigest: string }>(['inspect', image])).manifestDigest;
const names = async () => (await desk.json<ImagesReport>(['images'])).local.map(({ name }) => name);

test('each image of a name is a generation, with what changed and why', async () => {
  expect(await log('hat')).toMatchObject([
    { number: 3, digest: digests[2], reasons: ['lock', 'recipe'], isHere: true },
    { number: 2, digest: digests[1], reasons: ['recipe'], packages: { added: [] } },
    { number: 1, digest: digests[0], reasons: ['new'] },
  ]);
  const [newest] = await log('hat');
  expect(newest!.packages.added.map((nevra) => nevra.replace(/-[^-]+-[^-]+$/, ''))).toEqual(['tiny-app']);
  await desk.build(desk.path('recipes/hat.yaml'));
  expect(await log('hat')).toHaveLength(3);
});

test('a generation is found by its number, and can be run and compared with', async () => {
  expect(await digestOf('hat@1')).toBe(digests[0]);
  expect(await digestOf('hat:latest')).toBe(digests[2]);
  expect(await desk.fails(['inspect', 'hat@9'])).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  expect(await desk.json(['diff', 'hat@1', 'hat@2'])).toMatchObject({
    files: { added: ['/etc/word'] },
  });
  expect(await desk.json(['boot', 'hat@1'])).toMatchObject({ manifestDigest: digests[0] });
});

test('history tells the layers, newest first, and what they hold', async () => {
  const { layers, digest } = await desk.json<LayerHistory>(['history', 'hat']);
  expect(digest).toBe(digests[2]);
  expect(layers.at(-1)).toMatchObject({ madeBy: 'build hat' });
  const packages = layers.flatMap((layer) => layer.packages ?? []);
  expect(packages.some((nevra) => nevra.startsWith('tiny-app-'))).toBe(true);
});

test('a tag names an image that another name has, and moves as any name does', async () => {
  expect(await desk.json(['tag', 'hat@1', 'hat:good'])).toMatchObject({ name: 'hat:good' });
  expect(await digestOf('hat:good')).toBe(digests[0]);
  await desk.json(['tag', 'hat', 'registry.example.com/hats/hat']);
  expect(await names()).toEqual(['hat', 'hat:good', 'registry.example.com/hats/hat:latest']);
  expect(await digestOf('registry.example.com/hats/hat')).toBe(digests[2]);
  await desk.json(['tag', digests[1]!, 'hat:good']);
  expect(await log('hat:good')).toMatchObject([
    { number: 2, digest: digests[1], reasons: ['tagged'] },
    { number: 1, digest: digests[0], reasons: ['tagged'] },
  ]);
  expect(await desk.fails(['tag', 'hat', 'no name'])).toMatchObject({ code: 'REFERENCE_INVALID' });
});

test('a checkout is a generation too, and the next build makes what the recipe says', async () => {
  await desk.json(['checkout', 'hat@2']);
  expect(await digestOf('hat')).toBe(digests[1]);
  expect((await log('hat'))[0]).toMatchObject({ number: 4, reasons: ['checked out'] });
  expect(await desk.build(desk.path('recipes/hat.yaml'))).toMatchObject({ manifestDigest: digests[2] });
  expect((await log('hat'))[0]).toMatchObject({ number: 5, digest: digests[2] });
  expect(await desk.fails(['checkout', 'hat'])).toMatchObject({ code: 'USAGE' });
});

test('gc keeps the last generations of each name, and shows what it would remove', async () => {
  await desk.json(['rmi', 'hat:good']);
  const once = ['gc', '--keep-generations', '2', '--keep-days', '0'];
  const shown = await desk.json<{ blobs: number; snapshots: string[] }>([...once, '--dry-run']);
  expect(shown.snapshots).toEqual([`hat@${digests[0]}`]);
  expect(await digestOf('hat@1')).toBe(digests[0]);
  expect(await desk.json(once)).toMatchObject({ blobs: shown.blobs, snapshots: shown.snapshots });
  expect(await desk.fails(['inspect', 'hat@1'])).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  expect(await digestOf('hat@2')).toBe(digests[1]);
  expect((await log('hat')).map(({ number, isHere }) => [number, isHere])).toEqual([
    [5, true],
    [4, true],
    [3, true],
    [2, true],
    [1, false],
  ]);
});

test('rmi takes one name, all of a digest, or a generation', async () => {
  await desk.json(['rmi', 'registry.example.com/hats/hat']);
  expect(await names()).toEqual(['hat']);
  await desk.json(['rmi', 'hat@2']);
  expect(await desk.fails(['inspect', digests[1]!])).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  await desk.json(['tag', 'hat', 'other:1']);
  expect(await desk.json(['rmi', digests[2]!])).toMatchObject({ images: ['hat', 'other:1'] });
  expect(await names()).toEqual([]);
  expect(await desk.fails(['rmi', 'hat'])).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
});
