import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders whose files may take minutes. One of those at the end would leave a core idle, and sizes tell no times. */
const long = [
  'e2e',
  ...['nightly', 'queue', 'image', 'boot', 'base', 'lock', 'publish', 'cli'].map(
    (name) => `integration/${name}`,
  ),
].map((name) => `/test/${name}/`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = long.findIndex((folder) => moduleId.includes(folder));
      return found < 0 ? long.length : found;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- it is a sequencer's, which gives others' order
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/environment.ts'],
    sequence: { sequencer: LongFirst },
    // Whole builds run in here: the limit only ends what hangs.
    testTimeout: 600_000,
    hookTimeout: 900_000,
    // Two processors: a third file works while others wait for what they boot.
    maxWorkers: 3,
    disableConsoleIntercept: true,
  },
});
