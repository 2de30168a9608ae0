import { expect, test } from 'vitest';
import { versionOf } from '../../../src/pipeline/setup/minimums.ts';

test('of this host every version is known', async () => {
  for (const program of ['runc', 'rpm', 'gpg', 'kernel'] as const)
    expect(await versionOf(program)).toMatch(/^\d+\.\d+/);
});
