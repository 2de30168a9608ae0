/** The same lock gives the same image on dm-thin in a virtual machine as on overlay outside. */
import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { buildDemo, cache, copyRecipes, type Built } from '../../helpers/demo-recipes.ts';
import { Desk } from '../../helpers/milliner.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { startMachine } from './machine.ts';

/** A place that the machine sees where it is; what it writes there is forgotten. */
async function inPlace(body: (place: string) => Promise<void>): Promise<void> {
  const place = await mkdtemp(join(cache, 'vm-build-'));
  try {
    await body(place);
  } finally {
    await rm(place, { recursive: true });
  }
}

async function buildInside(recipe: string, state: string): Promise<Built> {
  const script = `set -e
    milliner() { node dist/cli.js "$@" --state "$STATE"; }
    milliner pool create --size 2G
    milliner build "$RECIPE" --json >/vm/result
    milliner pool status --json >&2`;
  const environment = {
    STATE: state,
    RECIPE: recipe,
    MILLINER_TINY: dirname((await tinyPackages()).packages),
  };
  const { ended } = await startMachine({ command: ['bash', '-c', script], environment });
  const { exitCode, result, output } = await ended;
  expect(exitCode, output).toBe(0);
  expect(output).toContain('building in dm-thin snapshots');
  return JSON.parse(result!) as Built;
}

export const buildTinyImages = () =>
  inPlace(async (place) => {
    const desk = await Desk.open(place);
    await desk.tiny('base', ['tiny-base']);
    const child = await desk.tiny('child', ['tiny-app', 'tiny-base'], { from: 'base' });
    const outside = await desk.build(child);
    expect((await buildInside(child, desk.state)).manifestDigest).toBe(outside.manifestDigest);
  });

export const buildDemoImage = (name: string) =>
  inPlace(async (place) => {
    const recipe = join(copyRecipes(place), `${name}.yaml`);
    const state = join(place, 'state');
    const outside = buildDemo(recipe, state);
    expect((await buildInside(recipe, state)).manifestDigest).toBe(outside.manifestDigest);
  });
