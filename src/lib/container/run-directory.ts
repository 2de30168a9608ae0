/**
 * Where a container's root is seen: below /run, because root of a user namespace has no way through directories that
 * are the host's root's alone, as the state is. Its group may pass, and nobody else.
 */
import { chmod, lchown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unmountAllBelow } from '../host/mounts.ts';
import type { IdRange } from './userns.ts';

const place = '/run/milliner';

export const runDirectoryOf = (id: string): string => join(place, id);

/** @param id unique on this host; what a killed process has left of the same id goes */
export async function makeRunDirectory(id: string, ids: IdRange | undefined): Promise<string> {
  await removeRunDirectory(id);
  const directory = runDirectoryOf(id);
  await mkdir(place, { recursive: true, mode: 0o711 });
  await mkdir(directory, { mode: 0o710 });
  await lchown(directory, 0, ids?.start ?? 0);
  await chmod(directory, 0o710);
  return directory;
}

/** With what is mounted in it; one that is not there is no error. */
export async function removeRunDirectory(id: string): Promise<void> {
  const directory = runDirectoryOf(id);
  await unmountAllBelow(directory, { detach: true });
  await rm(directory, { recursive: true, force: true });
}
