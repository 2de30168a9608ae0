/** What the locks of images say of their packages: those that a night has published last, and those beside recipes. */
import { MillinerError } from '../../lib/errors/error.ts';
import { readSetMemory, rememberedLock } from '../../pipeline/state/set-memory.ts';
import { setsWithNights } from '../../pipeline/state/nights.ts';
import { readLock, type Lock } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { SiteImage } from './site-facts.ts';

/** Fills in `locked` where a lock of the very digest is at hand. Throws STATE_INVALID. */
export async function gatherLocks(
  state: string,
  images: readonly SiteImage[],
  chains: ReadonlyMap<string, readonly LoadedRecipe[]>,
): Promise<void> {
  const byName = Map.groupBy(images, ({ name }) => name);
  for (const [name, ofName] of byName) {
    const wanted = new Set(ofName.map(({ lock }) => lock));
    for (const lock of await locksOf(state, name, chains.get(name)))
      if (wanted.has(lock.digest)) for (const image of ofName) addLocked(image, lock);
  }
}

async function locksOf(state: string, name: string, chain?: readonly LoadedRecipe[]): Promise<Lock[]> {
  const found: Lock[] = [];
  for (const set of await setsWithNights(state)) {
    const digest = (await readSetMemory(state, set))[name]?.published?.lock;
    const lock = await rememberedLock(state, set, name, digest);
    if (lock) found.push(lock);
  }
  const path = chain?.at(-1)?.lockPath;
  const beside = path === undefined ? undefined : await readLock(path).catch(onlyInvalid);
  return beside ? [...found, beside] : found;
}

/** A lock that an editor is writing costs the page what it says of packages, and no more. */
function onlyInvalid(error: unknown): undefined {
  if (!(error instanceof MillinerError) || error.code !== 'LOCK_INVALID') throw error;
}

function addLocked(image: SiteImage, { digest, arches, reproducibleElsewhere }: Lock): void {
  const locked = arches[image.arch];
  if (image.lock !== digest || !locked) return;
  const packages = locked.packages.map(
    ({ nevra, repo, size, sourceRpm }) => [nevra, { repo, size, sourceRpm }] as const,
  );
  const repositories = [...new Set(locked.packages.map(({ repo }) => repo))].toSorted();
  image.locked = { repositories, reproducibleElsewhere, packages: new Map(packages) };
}
