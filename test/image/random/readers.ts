/** Two readers that know nothing of each other or of Milliner: Debian 13's podman, and apply.py, which knows the specification. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../src/host/exec.ts';
import { ClientStorage } from '../../clients/storage.ts';

/** Makes a tree of each tag of the layout: DIRECTORY/TAG. */
export type Reader = (layout: string, tags: readonly string[], directory: string) => Promise<void>;

export const bySpecification: Reader = async (layout, tags, directory) => {
  await mkdir(directory);
  await run('python3', [join(import.meta.dirname, 'apply.py'), layout, directory, ...tags]);
};

/** One storage serves all sets; it is empty after each. */
export function byPodman(storage: ClientStorage): Reader {
  return async (layout, tags, directory) => {
    await mkdir(directory);
    await storage.unpackAll(layout, tags, directory);
  };
}
