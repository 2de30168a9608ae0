/** dm-thin on a real kernel: what runs inside the virtual machine, in three of them, because each takes its time to start. */
import { dirname } from 'node:path';
import { test } from 'vitest';
import { tinyPackages } from '../tiny/tiny.ts';
import { runInMachine } from './machine.ts';

const suites = [
  ['conformance', 'random'],
  ['driver', 'refused', 'full'],
  ['killed', 'power'],
];
// Whole builds and boots take many minutes in there.
if (process.env['MILLINER_SOAK']) suites.push(['image']);

for (const names of suites) {
  test(
    names.join(', '),
    async () => {
      const { packages } = await tinyPackages();
      const environment = { MILLINER_TINY: dirname(packages) };
      const files = names.map((name) => `test/thin/${name}.inside.ts`);
      const command = ['vitest', 'run', '--config', 'test/vm/inside.config.ts', ...files];
      await runInMachine({ command, environment });
    },
    7_200_000,
  );
}
