/** What runs inside the virtual machine: the files named *.inside.ts, one after the other. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.inside.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: 1,
    disableConsoleIntercept: true,
    // The checkout is read-only, and forgets.
    cache: false,
  },
});
