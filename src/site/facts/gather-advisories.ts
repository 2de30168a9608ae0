/** Open advisories of all images: each repository is opened once, and its updateinfo read once. */
import { MillinerError } from '../../lib/errors/error.ts';
import { canonicalDigest } from '../../lib/oci/digest.ts';
import { byUrgency } from '../../lib/rpm/severity.ts';
import { AdvisoryIndex } from '../../pipeline/night/advisory-index.ts';
import { openChain } from '../../pipeline/report/advisories.ts';
import type { StateContext } from '../../pipeline/state/context.ts';
import { RecipeReader, type LoadedRecipe } from '../../stages/recipe/load.ts';
import type { OpenedRepository } from '../../stages/repo/repository.ts';
import type { PlannedAdvisory } from '../../stages/night/planned-image.ts';
import type { OpenAdvisory, SiteImage } from './site-facts.ts';

/**
 * The recipes of images, bases first: those that were named, or else those in recipes/. An image whose recipe is not
 * there has none. Throws what reading recipes throws.
 */
export async function readChains(
  images: readonly SiteImage[],
  recipes: readonly string[],
): Promise<Map<string, LoadedRecipe[]>> {
  const reader = new RecipeReader();
  const chains = new Map<string, LoadedRecipe[]>();
  for (const recipe of recipes) {
    const chain = await reader.chain(recipe);
    for (const [index, { recipe: one }] of chain.entries()) chains.set(one.name, chain.slice(0, index + 1));
  }
  for (const name of new Set(images.map((image) => image.name))) {
    if (chains.has(name)) continue;
    const chain = await reader.chain(name).catch(onlyMissing);
    if (chain) chains.set(name, chain);
  }
  return chains;
}

function onlyMissing(error: unknown): undefined {
  if (!(error instanceof MillinerError) || error.code !== 'RECIPE_NOT_FOUND') throw error;
}

/** Fills in `advisories`. Returns the images that no recipe was found for. Throws what opening repositories throws. */
export async function gatherAdvisories(
  context: StateContext,
  images: readonly SiteImage[],
  chains: ReadonlyMap<string, readonly LoadedRecipe[]>,
): Promise<string[]> {
  const sharing = { signal: context.signal, repositories: new Map() };
  const packages = images.flatMap((image) => image.packages);
  const index = new AdvisoryIndex(context, packages);
  const silence = new Silence();
  const unasked: string[] = [];
  for (const [position, image] of images.entries()) {
    const chain = chains.get(image.name);
    if (!chain) unasked.push(image.id);
    else {
      const repositories = await openChain({ ...context, sharing }, chain, image.arch);
      const updates = image.packages.map((one) => ({ from: one, nevra: one.nevra }));
      image.silentRepositories = await silence.of(repositories, image.arch);
      image.advisories = byAdvisory(await index.fixesOf(repositories, [], updates));
    }
    context.progress.update('reading advisories', position + 1, images.length);
  }
  return unasked;
}

function byAdvisory(fixes: ReadonlyMap<string, readonly PlannedAdvisory[]>): OpenAdvisory[] {
  const found = new Map<string, OpenAdvisory>();
  for (const [nevra, advisories] of fixes) {
    for (const { id, type, severity, cves, title } of advisories) {
      const known = found.get(id) ?? { id, type, severity, cves, title, packages: [] };
      known.packages.push(nevra);
      found.set(id, known);
    }
  }
  return [...found.values()].toSorted(byUrgency);
}

/** Which repositories have no updateinfo; each is asked once. */
class Silence {
  readonly #known = new Map<string, boolean>();

  /** Names, sorted. */
  async of(repositories: readonly OpenedRepository[], arch: string): Promise<string[]> {
    const silent: string[] = [];
    for (const repository of repositories) {
      const key = canonicalDigest({ arch, definition: repository.definition });
      const isSilent =
        this.#known.get(key) ??
        (repository.kind !== 'repomd' || (await repository.updateinfo()) === undefined);
      this.#known.set(key, isSilent);
      if (isSilent) silent.push(repository.name);
    }
    return silent.toSorted();
  }
}
