import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { findUser } from '../../../src/stages/boot/user.ts';

test('a device in the place of the user database is refused, not waited for', async () => {
  const root = await mkdtemp(join(tmpdir(), 'milliner-user-'));
  try {
    await mkdir(join(root, 'etc'));
    await run('mknod', [join(root, 'etc/passwd'), 'c', '1', '5']);
    await expect(findUser(root, 'app')).rejects.toMatchObject({ code: 'INSTALL_FAILED' });
  } finally {
    await rm(root, { recursive: true });
  }
});
