/** The checkout may lie anywhere: in each place its set-up finds everything there, and it builds. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { placeNames, type Place } from '../../helpers/places.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { layCheckout } from './clone.ts';

let place: Place;
let home: string;
afterEach(async () => {
  await place.remove();
  await rm(home, { recursive: true });
});

test.each(shareOfDay(placeNames, 3))('%s', async (name) => {
  place = await layCheckout(name);
  home = await mkdtemp(join(tmpdir(), 'milliner-home-'));
  const options = { cwd: place.path, env: { HOME: home } };
  await run('bash', ['spec/setup.sh'], options);
  expect(await readdir(join(place.path, 'dist'))).toContain('.sources');
  const { stdout } = await run(process.execPath, ['test/e2e/places/sample.ts'], options);
  expect(JSON.parse(stdout)).toEqual({
    checkout: place.path,
    built: 3,
    packages: 2,
    code: 'NOT_ROOT',
  });
});
