/** What programs of packages find where they run. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runInSandbox } from '../../src/install/sandbox.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp('/var/tmp/milliner-sandbox-');
  for (const name of ['dev', 'proc']) await mkdir(join(directory, 'target', name), { recursive: true });
});
afterAll(() => rm(directory, { recursive: true }));

function python(...lines: string[]) {
  const target = join(directory, 'target');
  const sandbox = { id: `milliner-sandbox-${process.pid}`, directory, toolRoot: '/', target, epoch: 0 };
  return runInSandbox({ ...sandbox, timeout: 60_000 }, { args: ['python3', '-c', lines.join('\n')] });
}

test('syncs succeed and do nothing: what they are asked for is done once, for all that is kept', async () => {
  // Of a file that is not there, the kernel would say so.
  const { exitCode, stderr } = await python('import os', 'os.fsync(99)', 'os.fdatasync(99)', 'os.sync()');
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
});

test('a user namespace, of which it would be the administrator, is refused', async () => {
  const CLONE_NEWUSER = 0x10000000;
  const { stdout } = await python(
    'import ctypes',
    'libc = ctypes.CDLL(None, use_errno=True)',
    `print(libc.unshare(${CLONE_NEWUSER}), ctypes.get_errno())`,
  );
  expect(stdout.trim()).toBe('-1 1');
});
