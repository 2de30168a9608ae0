/** What the command line of `run` says instead of the recipe: a name, limits and variables. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readGroup } from '../../../src/lib/container/cgroups.ts';
import { groupOf } from '../../../src/stages/boot/cgroup-view.ts';
import type { RunningInstance } from '../../../src/pipeline/instance/instance-records.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  const entrypoint = ['/bin/sh', '-c', "trap 'exit 0' TERM; while :; do sleep 0.1; done"];
  const config = { entrypoint, env: { WORD: 'recipe', OTHER: 'stays' } };
  const plan = { settle: '0s', limits: { memory: '256M', pids: 50 } };
  await desk.build(await desk.tiny('hat', ['tiny-base'], { config, test: plan }));
  await desk.json(['run', 'hat', '--detach', '--name', 'shop', '--memory', '64M', '-e', 'WORD=a b=c']);
});
afterAll(async () => {
  await desk.run(['stop', '--all']);
  expect(await remains(desk)).toEqual([]);
  await desk.remove();
});

const inside = async (script: string) =>
  (await desk.run(['exec', 'shop', '--', '/bin/sh', '-c', script])).stdout.trim();

test('an instance is found by its name, which no other one gets while it runs', async () => {
  const { instances } = await desk.json<{ instances: RunningInstance[] }>(['ps']);
  expect(instances).toMatchObject([{ name: 'shop', image: 'hat' }]);
  expect(await desk.fails(['run', 'hat', '--detach', '--name', 'shop'])).toMatchObject({ code: 'BUSY' });
  expect(await desk.fails(['run', 'hat', '--detach', '--name', 'A B'])).toMatchObject({ code: 'USAGE' });
  expect(await desk.fails(['run', 'hat', '--name', 'two', '--instances', '2'])).toMatchObject({
    code: 'USAGE',
  });
});

test('variables and limits are those of the command line, and the rest the recipe says', async () => {
  expect(await inside('echo "$WORD $OTHER"')).toBe('a b=c stays');
  const [{ container }] = (await desk.json<{ instances: [RunningInstance] }>(['ps'])).instances;
  expect(await readGroup(groupOf(container))).toMatchObject({ memoryLimit: 64 * 1024 ** 2, pidsLimit: 50 });
  for (const flags of [
    ['--memory', 'much'],
    ['--cpus', 'x'],
    ['--pids', '0'],
    ['--bandwidth', '10'],
    ['--env', 'x'],
  ])
    expect(await desk.fails(['run', 'hat', '--detach', ...flags])).toMatchObject({ code: 'USAGE' });
});

test('a name is free again once its instance is stopped', async () => {
  await desk.json(['stop', 'shop']);
  await desk.json(['run', 'hat', '--detach', '--name', 'shop']);
  expect(await inside('echo "$WORD"')).toBe('recipe');
});
