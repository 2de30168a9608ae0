import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Whole builds run in here: the limit only ends what hangs.
    testTimeout: 600_000,
    hookTimeout: 900_000,
    maxWorkers: 2,
    disableConsoleIntercept: true,
  },
});
