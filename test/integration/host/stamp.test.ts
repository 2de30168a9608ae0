import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { native } from '../../../src/lib/host/native.ts';
import { nextStamp } from '../../../src/lib/host/stamp.ts';

test('what was changed before is older, what is changed after is not', async () => {
  const directory = await mkdtemp('/var/tmp/milliner-stamp-');
  const changed = async (name: string) => {
    await writeFile(join(directory, name), '');
    return (await native().lstat(Buffer.from(join(directory, name)))).ctimeNanoseconds;
  };
  try {
    for (let round = 0; round < 20; round++) {
      const before = await changed(`before-${round}`);
      const stamp = await nextStamp();
      const after = await changed(`after-${round}`);
      expect([before < stamp, stamp <= after]).toEqual([true, true]);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
