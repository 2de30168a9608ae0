/** Locks among the runs of one state, also of commands that do not open it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../../lib/host/locks.ts';
import type { RunOptions } from './context.ts';
import { fileNameOf } from './file-name.ts';

/** Runs fn while no other run of this state holds the lock. Waits for it, or throws BUSY. Throws INTERRUPTED. */
export async function withStateLock<T>(
  { state, progress, signal }: Pick<RunOptions, 'state' | 'signal'> & Partial<Pick<RunOptions, 'progress'>>,
  name: string,
  fn: () => Promise<T>,
  { wait = true } = {},
): Promise<T> {
  const locks = join(state, 'locks');
  await mkdir(locks, { recursive: true, mode: 0o700 });
  const onWait = (holder: string) => progress?.step(`waiting for ${holder}`);
  return withLock(join(locks, fileNameOf(name)), 'exclusive', fn, { wait, signal, onWait });
}
