/**
 * The sum of layers is the tree, whatever scriptlets do: random packages on bases two deep, in all compressions. One
 * seed alone: MILLINER_SEED=7; what it worked on stays with MILLINER_KEEP=1.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../../src/lib/host/exec.ts';
import { unmountAllBelow } from '../../../../src/lib/host/mounts.ts';
import { ClientStorage } from '../../../helpers/podman-storage.ts';
import { tinyPackages } from '../../../helpers/tiny/tiny.ts';
import { byPodman, bySpecification } from './readers.ts';
import { tryOut, type Bench } from './trial.ts';
import { shareOfDay } from '../../../helpers/soak.ts';

const all = Array.from({ length: 500 }, (_, index) => index + 1);
/**
 * 8: a file in a directory's place; 16: a setuid mode through /proc; 85: owners of hard links to an empty file. Two of
 * them a day.
 */
const sample = shareOfDay([1, 8, 16, 85], 2);
const asked = process.env['MILLINER_SEED'];
const seeds = asked?.split(',') ?? (process.env['MILLINER_SOAK'] ? all : sample);

let bench: Bench;
beforeAll(async () => {
  const place = await mkdtemp('/var/tmp/milliner-random-');
  // Databases of rpm and images are flushed to the disk again and again, and all of it is forgotten.
  await run('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'random', place]);
  const podman = byPodman(new ClientStorage(join(place, 'client')));
  const readers = { podman, specification: bySpecification };
  bench = { tiny: await tinyPackages(), storage: 'overlay', readers, place };
});
afterAll(async () => {
  if (process.env['MILLINER_KEEP'] !== undefined) return;
  await unmountAllBelow(bench.place, { detach: true });
  await rm(bench.place, { recursive: true, force: true });
});

test.each(seeds.map(Number))('seed %i', async (seed) => {
  const { differences } = await tryOut(seed, bench);
  expect(differences, `MILLINER_SEED=${seed}`).toEqual([]);
});
