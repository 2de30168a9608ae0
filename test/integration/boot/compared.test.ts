/** Boots of one recipe that changes: what became worse is said, and fails the boot where the recipe says so. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { FlakyInstances, flakyRecipe } from '../../helpers/flaky-image.ts';
import { Desk } from '../../helpers/milliner.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { remains } from '../../helpers/remains.ts';

let desk: Desk;
let repos: object[];
beforeAll(async () => {
  desk = await Desk.open();
  const { key } = await tinyPackages();
  repos = [{ name: 'tiny', baseurl: await desk.repository('packages', ['tiny-base']), keys: [key] }];
});
afterEach(async () => {
  expect(await remains(desk)).toEqual([]);
});
afterAll(() => desk.remove());

const waits = `trap 'exit 0' TERM; while :; do sleep 0.1; done`;

/** Builds the next image of the recipe. */
async function build(program: string, { mode = '0755', compare = {} }): Promise<string> {
  const fields = {
    repos,
    packages: ['tiny-base'],
    config: { entrypoint: ['/bin/sh', '-c', `${program} ${waits}`], stopSignal: 'SIGTERM' },
    files: [{ path: '/usr/lib/tool', content: 'felt\n', mode }],
    test: { init: false, settle: '1s', compare },
  };
  return (await desk.build(await desk.recipe('hat', fields))).manifestDigest;
}

const subjects = ({ comparison }: Verdict) => comparison?.changes.map(({ subject }) => subject);

test('ports and setuid files of an image that are new, and a recipe that refuses or accepts them', async () => {
  const first = await build('', {});
  const good = await desk.json<Verdict>(['boot', 'hat']);
  expect([good.comparison, good.privileged, good.instances[0]!.ports]).toEqual([undefined, [], []]);
  expect(good.instances[0]!.used!.cpuSeconds).toBeGreaterThan(0);

  const opens = 'nc -l -p 4711 </dev/null &';
  await build(opens, { mode: '4755' });
  const said = await desk.json<Verdict>(['boot', 'hat']);
  expect(said.comparison!.with.manifestDigest).toBe(first);
  expect(said.instances[0]!.ports).toMatchObject([{ protocol: 'tcp', port: 4711 }]);
  expect(subjects(said)).toEqual(['tcp 4711', '/usr/lib/tool']);
  const { stderr } = await desk.run(['boot', 'hat']);
  expect(stderr.split('\n').filter((line) => line.startsWith('worse'))).toHaveLength(2);
});

test('what is fatal and not accepted fails the boot, by a code of its own', async () => {
  await build('', {});
  await desk.json(['boot', 'hat']);
  const compare = { fatal: ['setuid', 'ports'], accept: ['tcp 4711'] };
  await build('nc -l -p 4711 </dev/null &', { mode: '2755', compare });
  const { code, details } = await desk.fails(['boot', 'hat']);
  expect(code).toBe('BOOT_FAILED');
  expect(details).toMatchObject({ passed: false, causes: [{ code: 'rights-added', instance: 0 }] });
  const page = desk.path('verdict.html');
  await desk.json(['inspect', 'hat', '--report', page]);
  expect(await readFile(page, 'utf8')).toContain('rights-added');
  // The failed boot is no good one: the next is held to the same.
  expect((await desk.fails(['boot', 'hat'])).code).toBe('BOOT_FAILED');
});

test('flaky boots are counted', async () => {
  await desk.build(await desk.tiny('flaky', ['tiny-base'], flakyRecipe(0, 1)));
  await using instances = new FlakyInstances(desk.state, 1);
  expect((await desk.fails(['boot', 'flaky'])).details).toMatchObject({
    history: { boots: 1, failed: 1, flaky: 0 },
  });
  const passed = await desk.json<Verdict>(['boot', 'flaky']);
  expect(passed.history).toEqual({ boots: 2, failed: 1, flaky: 1 });
  expect(instances.seen).toHaveLength(2);
  const { metrics } = await desk.json<{ metrics: { name: string; samples: { value: number }[] }[] }>([
    'metrics',
  ]);
  const counted = metrics.find(({ name }) => name === 'milliner_image_recent_flaky_boots');
  expect(counted!.samples.map(({ value }) => value)).toContain(1);
});
