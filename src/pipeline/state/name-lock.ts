/** Commands that give a name another image take turns. */
import { join } from 'node:path';
import { withLock } from '../../lib/host/locks.ts';
import type { RunOptions } from './context.ts';

export async function withName<T>(
  { state, progress, signal }: RunOptions,
  name: string,
  fn: () => Promise<T>,
): Promise<T> {
  const lock = join(state, 'locks', `build-${name.replaceAll('/', '%2F')}`);
  const onWait = (who: string) => progress.step(`waiting for ${who}`);
  return withLock(lock, 'exclusive', fn, { wait: true, signal, onWait });
}
