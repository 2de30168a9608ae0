/** dm-thin on a real kernel: each file that runs inside the virtual machine, in one of its own. */
import { dirname } from 'node:path';
import { test } from 'vitest';
import { tinyPackages } from '../tiny/tiny.ts';
import { runInMachine } from './machine.ts';

const suites = ['conformance', 'driver', 'refused', 'full', 'killed', 'power', 'image'];

for (const suite of suites) {
  test(
    suite,
    async () => {
      const { packages } = await tinyPackages();
      const environment = { MILLINER_TINY: dirname(packages) };
      const file = `test/thin/${suite}.inside.ts`;
      const command = ['vitest', 'run', '--config', 'test/vm/inside.config.ts', file];
      await runInMachine({ command, environment });
    },
    7_200_000,
  );
}
