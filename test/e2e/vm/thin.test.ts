/** dm-thin on a real kernel: the driver's suites, loss of power, and builds, in a virtual machine. */
import { dirname } from 'node:path';
import { test } from 'vitest';
import { demoRecipes } from '../../helpers/demo-recipes.ts';
import { soak, today } from '../../helpers/soak.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { buildDemoImage, buildTinyImages } from './build.ts';
import { runInMachine } from './machine.ts';
import { surviveLossOfPower } from './poweroff.ts';

type Case = [string, () => Promise<void>];

/** Files named *.inside.ts. */
const inside = (name: string): Case => [
  name,
  async () => {
    const { packages } = await tinyPackages();
    const environment = { MILLINER_TINY: dirname(packages) };
    const file = `test/integration/snapshot/thin/${name}.inside.ts`;
    const command = ['vitest', 'run', '--config', 'test/e2e/vm/inside.config.ts', file];
    await runInMachine({ command, environment });
  },
];

const build: Case = ['a build of two layers', buildTinyImages];
const driver: Case[] = [
  ...['conformance', 'driver', 'random', 'refused', 'full', 'killed', 'power'].map(inside),
  ['power that goes for good', () => surviveLossOfPower(soak ? 5 : 1)],
];
/** Builds and boots of real packages take many minutes in there. */
const long: Case[] = [
  ...demoRecipes.map((name): Case => [name, () => buildDemoImage(name)]),
  inside('image'),
];

/** Each takes minutes in there: the build every other day, of the driver's one on the days between. */
const ofDay = today % 2 === 0 ? build : driver[((today - 1) / 2) % driver.length]!;

test.each(soak ? [build, ...driver, ...long] : [ofDay])('%s', (_name, body) => body(), 7_200_000);
