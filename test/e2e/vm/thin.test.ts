/** dm-thin on a real kernel: what runs inside the virtual machine. */
import { dirname } from 'node:path';
import { test } from 'vitest';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { runInMachine } from './machine.ts';

const soak = process.env['MILLINER_SOAK'] !== undefined;
/** One of these a day, the rest in the long run: each takes minutes in there. */
const inTurn = ['driver', 'random', 'refused', 'full', 'killed', 'power'];
const today = inTurn[new Date().getUTCDate() % inTurn.length]!;
const suites = soak
  ? [['conformance'], ['driver', 'random', 'refused', 'full'], ['killed', 'power']]
  : [['conformance', today]];
// Whole builds and boots take many minutes in there.
if (soak) suites.push(['image']);

for (const names of suites) {
  test(
    names.join(', '),
    async () => {
      const { packages } = await tinyPackages();
      const environment = { MILLINER_TINY: dirname(packages) };
      const files = names.map((name) => `test/integration/snapshot/thin/${name}.inside.ts`);
      const command = ['vitest', 'run', '--config', 'test/e2e/vm/inside.config.ts', ...files];
      await runInMachine({ command, environment });
    },
    7_200_000,
  );
}
