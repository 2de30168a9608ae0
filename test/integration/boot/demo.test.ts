/** The demo's images boot and pass; two MariaDB run side by side, each with its own data; podman's time stands beside ours. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { RunningInstance } from '../../../src/pipeline/instance/instance-records.ts';
import { monotonic } from '../../../src/stages/boot/clock.ts';
import type { StackVerdict } from '../../../src/stages/boot/stack-verdict.ts';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { buildDemo, copyRecipes, demoRecipes, runCli } from '../../helpers/demo-recipes.ts';

// podman takes no layout whose path has capitals.
const place = join(tmpdir(), `milliner-booted-${randomBytes(6).toString('hex')}`);
const state = join(place, 'state');
const layout = join(place, 'layout');
const units: Record<string, string> = {
  'demo-base': 'multi-user.target',
  'demo-mariadb': 'mariadb.service',
  'demo-product': 'demo-product.service',
};

const answer = (...args: string[]): unknown => JSON.parse(runCli([...args, '--state', state, '--json']));

/** Debian's podman with a storage of its own, and what this host needs: docs of podman-run(1). */
const podman = async (...args: string[]): Promise<string> => {
  const own = [`--root=${place}/podman`, `--runroot=${place}/podman-run`, `--tmpdir=${place}/podman-tmp`];
  const flags = ['--cgroup-manager=cgroupfs', '--runtime=runc', '--storage-driver=vfs'];
  const { stdout } = await run('podman', [...own, ...flags, '--events-backend=file', ...args], {
    env: { HOME: place },
    allow: [0, 1, 3, 4],
  });
  return stdout.trim();
};

/** The demo of its own test boots the others. */
const tried = process.env['MILLINER_SOAK'] ? demoRecipes : ['demo-mariadb' as const];

beforeAll(() => {
  mkdirSync(place);
  const recipes = copyRecipes(place);
  for (const name of tried) buildDemo(join(recipes, `${name}.yaml`), state, layout);
});
afterAll(async () => {
  runCli(['stop', '--all', '--state', state]);
  await podman('rm', '--all', '--force', '--time', '0');
  rmSync(place, { recursive: true });
});

test.each(tried)('%s boots to its ready unit and passes its checks', async (name) => {
  const verdict = answer('boot', name) as Verdict;
  expect(verdict).toMatchObject({ passed: true, causes: [], failedUnits: [] });
  expect(verdict.checks.every(({ passed }) => passed)).toBe(true);
  expect(verdict.instances.length).toBe(name === 'demo-mariadb' ? 2 : 1);
  const peer = await underPodman(name, units[name]!);
  process.stdout.write(
    `${name}: ready after ${verdict.readySeconds} s (${verdict.instances.length} at once), under podman after ${peer.toFixed(2)} s (one)\n`,
  );
});

/** Where its images were built. */
const stacks = tried.length === demoRecipes.length ? ['demo.stack.yaml'] : [];

test.each(stacks)('%s boots: the product and MariaDB find each other, with a volume for the data', (file) => {
  const verdict = answer('boot', join(place, 'recipes', 'stacks', file)) as StackVerdict;
  expect(verdict).toMatchObject({ name: 'demo', passed: true, causes: [] });
  expect(verdict.checks.map(({ passed }) => passed)).toEqual([true, true, true]);
  expect(Object.keys(verdict.services)).toEqual(['database', 'web']);
});

/** Seconds from podman's start to the unit's, by systemd's own clock. */
async function underPodman(name: string, unit: string): Promise<number> {
  const image = (await podman('pull', '--quiet', `oci:${layout}:${name}`)).split('\n').at(-1)!;
  const limits = ['--ulimit=nofile=1024:1024', '--ulimit=nproc=1024:1024'];
  const began = monotonic();
  await podman('run', '--detach', `--name=${name}`, '--network=none', '--systemd=always', ...limits, image);
  for (;;) {
    const show = ['systemctl', 'show', '--property=ActiveState,ActiveEnterTimestampMonotonic', unit];
    const said = await podman('exec', name, ...show);
    const at = /Monotonic=(\d+)/.exec(said)?.[1];
    expect(said).not.toContain('ActiveState=failed');
    if (said.includes('ActiveState=active')) return (Number(at) / 1000 - began) / 1000;
    await sleep(100);
  }
}

test('two MariaDB at once answer, each with data of its own', () => {
  const words = ['run', 'demo-mariadb', '--instances', '2', '--publish', '3306', '--detach'];
  const { instances } = answer(...words) as { instances: RunningInstance[] };
  const [one, two] = instances.map(({ id }) => id) as [string, string];
  const ask = (id: string, query: string) =>
    runCli(['exec', id, '--state', state, '--', 'mariadb', '--skip-column-names', '-e', query]).trim();
  ask(one, 'CREATE DATABASE hats; CREATE TABLE hats.felt (size INT); INSERT INTO hats.felt VALUES (58)');
  expect([one, two].map((id) => ask(id, 'SELECT 1'))).toEqual(['1', '1']);
  expect(ask(one, 'SELECT size FROM hats.felt')).toBe('58');
  expect(ask(two, "SHOW DATABASES LIKE 'hats'")).toBe('');
  expect(new Set(instances.flatMap(({ ports }) => ports.map(({ hostPort }) => hostPort))).size).toBe(2);
});
