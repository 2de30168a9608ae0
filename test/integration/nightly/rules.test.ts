/** The rules of a set are applied to the repositories that a night publishes to, and the reports of a set are written. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { NightScene, outcomes } from './night-scene.ts';

useOneProcess();

let scene: NightScene;
beforeAll(async () => {
  scene = await NightScene.open();
  await scene.recipe('only', ['lib-a']);
});
afterAll(() => scene.close());

/** A night of its own tag beside the standing one, after an update. */
async function night(number: number, fields: Record<string, unknown> = {}) {
  await scene.offer([{ name: 'lib-a', version: number }]);
  const publish = { to: [`${scene.bench.server.host}/{{name}}`], tags: ['1', `n${number}`] };
  await scene.set({ recipes: ['only'], publish, ...fields });
  const made = await scene.night();
  expect(outcomes(made)).toEqual({ only: 'published' });
  return made;
}

test('of the tags of nights the newest stays, and what the standing tag would go back to', async () => {
  const retention = [{ tags: 'n*', keep: 1 }];
  const tags = async () => (await scene.bench.tags('only')).filter((tag) => /^n?\d$/.test(tag));
  await night(1, { retention });
  await night(2, { retention });
  expect(await tags()).toEqual(['1', 'n1', 'n2']);
  await night(3, { retention });
  expect(await tags()).toEqual(['1', 'n2', 'n3']);
});

test('reports go to files, and what cannot be delivered is told and fails nothing', async () => {
  const reports = [
    { format: 'text', file: 'reports/{{date}}.txt' },
    { format: 'junit', file: 'reports/night.xml' },
    { format: 'text', file: '/proc/none/night.txt' },
  ];
  const made = await night(4, { reports });
  expect(made.files).toHaveLength(2);
  expect(made.failures).toHaveLength(1);
  expect(await readFile(made.files![1]!, 'utf8')).toContain('<testsuite');
});

test('a change of the recipe that no lock depends on is published, and so is what stands on it', async () => {
  const publish = { to: [`${scene.bench.server.host}/{{name}}`], tags: ['1'] };
  await scene.recipe('on-only', [], { from: 'only' });
  await scene.set({ recipes: ['only', 'on-only'], publish });
  expect(outcomes(await scene.night())).toEqual({ only: 'published', 'on-only': 'published' });
  expect(outcomes(await scene.night())).toEqual({ only: 'unchanged', 'on-only': 'unchanged' });
  await scene.recipe('only', ['lib-a'], { symlinks: [{ path: '/etc/link', target: 'other' }] });
  const made = await scene.night();
  expect(outcomes(made)).toEqual({ only: 'published', 'on-only': 'published' });
  expect(made.report.images[0]!.reasons).toEqual([{ kind: 'recipe' }]);
});

test('update: security makes a lock that moves what an advisory names and what that needs, nothing else', async () => {
  const names = ['sec-a', 'sec-b', 'sec-c', 'sec-d', 'sec-e'];
  await scene.offer(names.map((name) => ({ name, version: 1 })));
  await scene.recipe('five', names);
  const publish = { to: [`${scene.bench.server.host}/{{name}}`], tags: ['1'] };
  await scene.set({ recipes: ['five'], publish, update: 'security' });
  await scene.night();
  await scene.offer(
    [
      ...names.map((name) => ({ name, version: 2, ...(name === 'sec-b' && { requires: ['sec-new'] }) })),
      { name: 'sec-new', version: 1 },
    ],
    [{ id: 'S-1', cve: 'CVE-2026-9', packages: ['sec-b-2'] }],
  );
  const made = await scene.night();
  expect(outcomes(made)).toEqual({ five: 'published' });
  const path = scene.bench.desk.path('recipes', 'five.lock.json');
  const lock = JSON.parse(await readFile(path, 'utf8')) as Lock;
  const own = lock.arches['x86_64']!.packages.map(({ nevra }) => nevra).filter((one) =>
    one.startsWith('sec-'),
  );
  expect(own).toEqual([
    'sec-a-1-1.x86_64',
    'sec-b-2-1.x86_64',
    'sec-c-1-1.x86_64',
    'sec-d-1-1.x86_64',
    'sec-e-1-1.x86_64',
    'sec-new-1-1.x86_64',
  ]);
});
