/** The rules of a set are applied to the repositories that a night publishes to, and the reports of a set are written. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
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
