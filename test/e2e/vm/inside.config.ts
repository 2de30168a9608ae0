/** What runs inside the virtual machine: the files named *.inside.ts, one after the other. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.inside.ts'],
    globalSetup: ['test/environment.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // A process whose tests have passed takes longer than vitest's ten seconds to end, where others use the host.
    teardownTimeout: 120_000,
    maxWorkers: 1,
    // What one file has loaded serves the next, and Node loads it itself: compiling takes half of the time in there.
    isolate: false,
    experimental: { viteModuleRunner: false, nodeLoader: false },
    disableConsoleIntercept: true,
    // The checkout is read-only, and forgets.
    cache: false,
  },
});
