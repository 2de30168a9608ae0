/** The sum of layers is the tree in a pool too: random packages, read by the specification alone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tinyPackages } from '../../../helpers/tiny/tiny.ts';
import { bySpecification } from '../../image/random/readers.ts';
import { tryOut } from '../../image/random/trial.ts';

// One takes a minute in there. What is no number of a sample outside is seen by nobody else.
const seeds = process.env['MILLINER_SOAK'] ? [1001, 1002, 1003] : [1001];

let place: string;
beforeAll(async () => {
  place = await mkdtemp('/var/tmp/milliner-random-');
});
afterAll(() => rm(place, { recursive: true, force: true }));

test.each(seeds)('seed %i', async (seed) => {
  const readers = { specification: bySpecification };
  const { differences } = await tryOut(seed, {
    tiny: await tinyPackages(),
    storage: 'dm-thin',
    readers,
    place,
  });
  expect(differences, `seed ${seed}`).toEqual([]);
});
