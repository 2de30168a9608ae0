/** The same lock gives the same image on dm-thin in a virtual machine as on overlay outside. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { buildDemo, cache, copyRecipes, type Built } from '../demo/recipes.ts';
import { startMachine } from './machine.ts';

// The machine sees it where it is, and what it writes there is forgotten.
const work = mkdtempSync(join(cache, 'vm-build-'));
afterAll(() => rmSync(work, { recursive: true }));

test('demo-product has one digest', async () => {
  const recipe = join(copyRecipes(work), 'demo-product.yaml');
  const state = join(work, 'state');
  const outside = buildDemo(recipe, state);
  const script = `set -e
    milliner() { node dist/cli.js "$@" --state "$STATE"; }
    milliner pool create --size 2G
    milliner build "$RECIPE" --json >/vm/result
    milliner pool status --json >&2`;
  const environment = { STATE: state, RECIPE: recipe };
  const { ended } = await startMachine({ command: ['bash', '-c', script], environment });
  const { exitCode, result, output } = await ended;
  expect(exitCode, output).toBe(0);
  expect(output).toContain('demo-base: building in dm-thin snapshots');
  expect((JSON.parse(result!) as Built).manifestDigest).toBe(outside.manifestDigest);
});
