/** Checks that a lock fits its recipe. */
import { MillinerError } from '../../lib/errors/error.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
import { hostRpmVersion } from '../../stages/image/tool-versions.ts';
import type { Lock } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { Recipe, Repository } from '../../stages/recipe/schema.ts';
import { layerCount, maxLayers } from './layer-plan.ts';

/** Digest of what the lock depends on. Other changes of the recipe leave the lock valid. */
export function inputsOf(recipe: Recipe): Digest {
  const { release, arches, repos, packages, exclude, modules, pins, weakDeps, tools, from } = recipe;
  const sources = repos.map(sourceOf);
  // The keys that must have signed an image do not change its content.
  const base = typeof from === 'object' && 'image' in from ? { image: from.image } : from;
  const asked = { release, arches, packages, exclude, modules, pins, weakDeps, tools };
  return canonicalDigest({ ...asked, sources, from: base });
}

function sourceOf(repository: Repository) {
  const { name, baseurl, metalink, mirrorlist, exclude: without, include, moduleHotfixes } = repository;
  const { priority, cost } = repository;
  // A directory has another path in another checkout, and is the same repository.
  const servers = [baseurl ?? []].flat().filter((url) => /^https?:/.test(url));
  return {
    name,
    ...(servers.length > 0 && { baseurl: Array.isArray(baseurl) ? servers : servers[0] }),
    metalink,
    mirrorlist,
    without,
    priority,
    // Added only if set, so that locks from before these keys stay valid.
    ...(cost !== 1000 && { cost }),
    ...(include.length > 0 && { include }),
    ...(moduleHotfixes && { moduleHotfixes }),
  };
}

export function checkFresh(
  { recipe, path, lockPath }: LoadedRecipe,
  found: Lock,
  base: Lock | undefined,
): void {
  const stale = (reason: string) =>
    new MillinerError('LOCK_STALE', `${lockPath}: ${reason}`, {
      hint: `Make the lock again with milliner lock ${path}.`,
    });
  if (found.recipe !== recipe.name) throw stale(`it is the lock of ${found.recipe}`);
  if (found.inputs !== inputsOf(recipe)) throw stale('the recipe has changed since');
  const { max = maxLayers } = recipe.layers;
  for (const { layers } of Object.values(found.arches)) {
    if (layerCount(layers) > max)
      throw stale(`it has ${layerCount(layers)} layers, layers.max allows ${max}`);
  }
  if (found.base?.lock !== base?.digest)
    throw stale(`its base ${base?.recipe ?? ''} has been locked again since`);
}

export async function checkHostRpm(locked: string, loaded: LoadedRecipe): Promise<void> {
  const version = await hostRpmVersion();
  if (version === locked) return;
  throw new MillinerError(
    'TOOLS_DIFFER',
    `${loaded.lockPath} was made with the host's rpm ${locked}, not with ${version}`,
  );
}
