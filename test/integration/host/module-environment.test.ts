/** What processes of Milliner's own get from the environment: no secret that their work does not need. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startCommand, startModule } from '../../../src/lib/host/exec.ts';

const secrets = ['GITHUB_TOKEN', 'MILLINER_KEY_PASSWORD', 'MILLINER_REDIS'];
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-environment-'));
  await writeFile(
    join(directory, 'module.mjs'),
    'process.send(Object.keys(process.env), () => process.exit());',
  );
  for (const name of secrets) vi.stubEnv(name, 'secret');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

test.each([
  ['a job', startModule, []],
  ['a night', (path: string) => startCommand(path, []), ['GITHUB_TOKEN', 'MILLINER_REDIS']],
] as const)('%s', async (_, start, wanted) => {
  const [names] = (await once(start(join(directory, 'module.mjs')), 'message')) as [string[]];
  expect(names).toContain('PATH');
  expect(secrets.filter((name) => names.includes(name))).toEqual(wanted);
});
