/** An image with systemd in a virtual machine: its units, their times on the host's clock, and its end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { buildDemo, copyRecipes, runCli } from '../../helpers/demo-recipes.ts';
import { leftovers } from '../../helpers/traces.ts';

let directory: string;
let state: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-machine-systemd-'));
  state = join(directory, 'state');
  buildDemo(join(copyRecipes(directory), 'demo-base.yaml'), state);
});
afterAll(() => rm(directory, { recursive: true }));

test('it is ready, no unit fails, and it stops when it is asked to', async () => {
  const args = ['boot', 'demo-base', '--backend', 'machine', '--state', state, '--json'];
  const verdict = JSON.parse(runCli(args, { env: { MILLINER_TCG: '1' } })) as Verdict;
  expect(verdict).toMatchObject({ passed: true, causes: [], failedUnits: [] });
  expect(verdict.host.runtime).toMatch(/^qemu \S+ \(tcg\), guest Linux \S+$/);
  const [instance] = verdict.instances;
  expect(instance).toMatchObject({ exitCode: 0, oomKills: 0 });
  const times = instance!.units!.map(({ active }) => active ?? 0);
  // Its clock is not the host's: times that were not translated would lie before its start.
  expect(Math.min(...times)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...times)).toBeLessThanOrEqual(verdict.readySeconds! + 1);
  expect(await leftovers(directory, state)).toEqual([]);
});
