/** Where a build of the repository keeps what it works on; one build at a time, under the lock. */
import { mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { withLock } from '../src/lib/host/locks.ts';
import { say } from './say.ts';

/** It may lie anywhere, so its path is never taken from a URL, which would keep `%20` for a space. */
export const checkout = dirname(import.meta.dirname);
export const cache = join(checkout, '.cache');
const work = join(cache, 'work');

/** Runs `build` alone; what a killed build left behind is removed first, and everything temporary last. */
export async function withWorkPlace<T>(build: () => Promise<T>): Promise<T> {
  await mkdir(cache, { recursive: true });
  const options = { wait: true, onWait: (holder: string) => say(`waiting for ${holder}`) };
  return withLock(
    join(cache, 'repository.lock'),
    'exclusive',
    async () => {
      await removeWork();
      await mkdir(work);
      try {
        return await build();
      } finally {
        await removeWork();
      }
    },
    options,
  );
}

/** A new directory that lives no longer than the build. */
export async function temporary(prefix: string): Promise<string> {
  return mkdtemp(join(work, `${prefix}-`));
}

/** The same with a short path, for programs that make sockets (sun_path holds 108 bytes). */
export async function temporaryShort(prefix: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `${prefix}-`));
  await symlink(path, join(work, path.replaceAll('/', '_')));
  return path;
}

async function removeWork(): Promise<void> {
  const entries = await readdir(work, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.filter((found) => found.isSymbolicLink())) {
    const target = await realpath(join(work, entry.name)).catch(() => undefined);
    if (target) await rm(target, { recursive: true, force: true });
  }
  await rm(work, { recursive: true, force: true });
}
