/** Two readers that know nothing of each other or of Milliner: Debian 13's podman, and apply.py, which knows the specification. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../../src/lib/host/exec.ts';
import { ClientStorage } from '../../../helpers/podman-storage.ts';

/** Makes a tree of each tag of the layout, DIRECTORY/TAG; gives a line for each image that it cannot read, and no tree. */
export type Reader = (layout: string, tags: readonly string[], directory: string) => Promise<string[]>;

export const bySpecification: Reader = async (layout, tags, directory) => {
  await mkdir(directory);
  const program = join(import.meta.dirname, 'apply.py');
  const { stdout } = await run('python3', [program, layout, directory, ...tags]);
  return JSON.parse(stdout) as string[];
};

/** One storage serves all sets; it is empty after each. */
export function byPodman(storage: ClientStorage): Reader {
  return async (layout, tags, directory) => {
    await mkdir(directory);
    const refused = await storage.unpackAll(layout, tags, directory);
    return Object.entries(refused).map(([tag, words]) => `${tag}: ${words.trim()}`);
  };
}
