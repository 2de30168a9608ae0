/**
 * A directory below /run for the root of a container. Root of a user namespace cannot enter directories of the host's
 * root, such as the state directory. The group of this directory may pass through it, and no other user.
 */
import { chmod, lchown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unmountAllBelow } from '../host/mounts.ts';
import type { IdRange } from './userns.ts';

const place = '/run/milliner';

export const runDirectoryOf = (id: string): string => join(place, id);

/** @param id unique on this host; the directory of a killed process with the same ID is removed */
export async function makeRunDirectory(id: string, ids: IdRange | undefined): Promise<string> {
  await removeRunDirectory(id);
  const directory = runDirectoryOf(id);
  await mkdir(place, { recursive: true, mode: 0o711 });
  await mkdir(directory, { mode: 0o710 });
  await lchown(directory, 0, ids?.start ?? 0);
  await chmod(directory, 0o710);
  return directory;
}

/** Also unmounts and removes its content; a missing directory is no error. */
export async function removeRunDirectory(id: string): Promise<void> {
  const directory = runDirectoryOf(id);
  await unmountAllBelow(directory, { detach: true });
  await rm(directory, { recursive: true, force: true });
}
