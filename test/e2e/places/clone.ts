/** This checkout once more, at a place: its files are copies, what was installed and fetched is bound there. */
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout } from '../../../spec/places.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { makePlace, type Place } from '../../helpers/places.ts';

/** Large, and the same everywhere. */
const bound = ['node_modules', '.cache'];

export async function layCheckout(name: string): Promise<Place> {
  const place = await makePlace(name);
  const mounts: string[] = [];
  const remove = async () => {
    for (const path of mounts.toReversed()) await run('umount', [path]);
    await place.remove();
  };
  try {
    for (const entry of await readdir(checkout)) {
      if (entry === '.git' || bound.includes(entry)) continue;
      await cp(join(checkout, entry), join(place.path, entry), { recursive: true, preserveTimestamps: true });
    }
    // To git every file in there is a new one.
    await run('git', ['init', '-q', place.path]);
    if (place.owner !== undefined) await run('chown', ['-R', String(place.owner), place.path]);
    for (const entry of bound) {
      const path = join(place.path, entry);
      await mkdir(path);
      await run('mount', ['--bind', join(checkout, entry), path]);
      mounts.push(path);
    }
    return { ...place, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
