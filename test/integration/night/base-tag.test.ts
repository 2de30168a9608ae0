/** Images on a base of others follow its tag: one look at each tag, and a reason once it names another image. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NightPlan } from '../../../src/pipeline/night/plan-night.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { Bench, runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';

useOneProcess();

let bench: Bench;
/** Builds on the image of another desk. */
let vendor: Desk;
let reference: string;

beforeAll(async () => {
  bench = await Bench.open();
  vendor = await Desk.open();
  reference = `${bench.server.host}/hat:1`;
  await bench.booted('hat', ['tiny-base']);
  await bench.publish('hat', reference);
  const baseurl = await vendor.repository('packages', ['tiny-app', 'tiny-extra']);
  const repos = [{ name: 'tiny', baseurl, keys: [(await tinyPackages()).key] }];
  const from = { image: reference, keys: [bench.publicKey] };
  await vendor.recipe('cap', { ...runsToItsEnd, repos, from, packages: ['tiny-app'] });
  await vendor.recipe('brim', { ...runsToItsEnd, repos, from: 'cap', packages: ['tiny-extra'] });
  for (const name of ['cap', 'brim']) await vendor.json(['lock', join(vendor.recipes, `${name}.yaml`)]);
  const set = { name: 'night', key: 'none.key', recipes: ['cap', 'brim'] };
  await writeFile(join(vendor.recipes, 'milliner.yaml'), JSON.stringify(set));
});
afterAll(async () => {
  await vendor.remove();
  await bench.close();
});

const plan = () => vendor.json<NightPlan>(['nightly', join(vendor.recipes, 'milliner.yaml'), '--dry-run']);

test('a tag that names the locked image changes nothing', async () => {
  expect(await plan()).toMatchObject({ images: [], unchanged: ['cap', 'brim'], failed: [], skipped: [] });
});

test('a tag that names another image reaches all that stands on it', async () => {
  await bench.booted('newer-hat', ['tiny-base', 'tiny-app']);
  await bench.publish('newer-hat', reference);
  const { images, failed } = await plan();
  expect(failed).toEqual([]);
  expect(images.map(({ recipe, reasons }) => [recipe, reasons])).toEqual([
    ['cap', [{ kind: 'base', base: reference }]],
    ['brim', [{ kind: 'base', base: 'cap' }]],
  ]);
});
