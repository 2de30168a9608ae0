/**
 * Packs a recipe into one blob, with its bases, their locks, templates and key files. A worker on any machine builds
 * from it, and later edits of the files do not change a queued release.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { confined, isConfined, unconfined } from '../../lib/http/reach.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
import { idsPathOf, readIds, writeIds } from '../../stages/lock/id-ledger.ts';
import type { Lock } from '../../stages/lock/lock-file.ts';
import { lockPathOf, type LoadedRecipe } from '../../stages/recipe/load.ts';
import { placeOf } from '../../stages/recipe/recipe-files.ts';
import type { Recipe, Repository } from '../../stages/recipe/schema.ts';
import { shareBytes, obtainBytes } from '../state/blob-exchange.ts';
import type { Context } from '../state/context.ts';
import { withWorkspace } from '../state/workspace.ts';
import { invalidBundle, parseBundle, type Bundle } from './bundle-schema.ts';

/** The part of a bundle that comes from one recipe: its files as they were when they were read. */
export interface BundledRecipe {
  recipe: Bundle['recipes'][number];
  /** Key files in base64, by the names that the repositories use. */
  keys: Map<string, string>;
  templates: LoadedRecipe['templates'];
}

/** Reads the key files and the file of user ids. Throws what reading them throws; RECIPE_INVALID. */
export async function bundleRecipe(loaded: LoadedRecipe, lock: Lock | undefined): Promise<BundledRecipe> {
  const { recipe, path, lockPath, templates } = loaded;
  const keys: BundledRecipe['keys'] = new Map();
  const repos: Repository[] = [];
  // Sequential, so that the order of the keys and with it the digest is the same for the same release.
  for (const { root: _root, ...repo } of recipe.repos) {
    const bundled = [];
    for (const key of repo.keys) bundled.push({ ...key, file: await addKey(keys, key.file) });
    repos.push({ ...repo, keys: bundled });
  }
  const from = await bundleBase(keys, loaded);
  const ids = await readIds(idsPathOf(lockPath));
  const described = { ...recipe, repos, ...(from !== undefined && { from }) };
  const file = basename(path);
  return { recipe: { file, recipe: described, lock: lock ?? null, ...(ids && { ids }) }, keys, templates };
}

/** Stores a recipe and its bases, lowest first, as one blob, and returns its digest. Throws RECIPE_INVALID. */
export async function shareBundle(context: Context, recipes: readonly BundledRecipe[]): Promise<Digest> {
  const templates = recipes.flatMap((one) => [...one.templates]);
  const bundle: Bundle = {
    version: 1,
    recipes: recipes.map(({ recipe }) => recipe),
    keys: Object.fromEntries(recipes.flatMap(({ keys }) => [...keys])),
    templates: Object.fromEntries(templates.map(([name, { text }]) => [name, text])),
    ...(isConfined() && { untrusted: true }),
  };
  if (context.exchange) refuseCredentials(bundle);
  return unconfined(() => shareBytes(context, Buffer.from(JSON.stringify(bundle))));
}

/** The worker pulls a base image itself. A file system is too large to send. Throws RECIPE_INVALID. */
async function bundleBase(
  bundled: BundledRecipe['keys'],
  { recipe: { from }, path }: LoadedRecipe,
): Promise<Recipe['from']> {
  if (from === undefined || typeof from === 'string') return from;
  if ('image' in from) {
    const keys: string[] = [];
    for (const key of from.keys) keys.push(await addKey(bundled, await placeOf(path, key)));
    return { ...from, keys };
  }
  throw new MillinerError(
    'RECIPE_INVALID',
    `${path}: from: a release does not carry a file system to its workers`,
    {
      hint: 'Build, boot and publish an image of it, and name that image in from: {image: ..., keys: [...]}.',
    },
  );
}

/** A blob in a registry may be readable for many, so it must hold no credentials. Throws RECIPE_INVALID. */
function refuseCredentials({ recipes }: Bundle): void {
  const found = /"[a-z+]+:\/\/[^/"@]*@([^/"]*)/.exec(JSON.stringify(recipes));
  if (!found) return;
  throw new MillinerError(
    'RECIPE_INVALID',
    `a URL of ${found[1]} has credentials in it, which would be published`,
    {
      hint: 'Give them to the workers instead (docs/repositories.md), and leave them out of recipes that go to other machines.',
    },
  );
}

/**
 * The name has a hash of the content: the directory does not matter, and two keys with the same file name stay apart.
 */
async function addKey(keys: BundledRecipe['keys'], path: string): Promise<string> {
  const content = await readFile(path, 'base64');
  const name = `${canonicalDigest(content).slice(-16)}-${basename(path)}`;
  keys.set(name, content);
  return join('..', 'keys', name);
}

/** Runs fn with the path of the recipe, whose files are unpacked for this process alone. Throws STATE_INVALID. */
export async function withBundle<T>(
  context: Context,
  digest: Digest,
  fn: (recipe: string) => Promise<T>,
  /** Another bundle, whose locks are used for recipes without one in this bundle. */
  locksFrom?: Digest,
): Promise<T> {
  const bundle = parseBundle(digest, await obtainBytes(context, digest));
  if (locksFrom !== undefined) {
    const { recipes: others } = parseBundle(locksFrom, await obtainBytes(context, locksFrom));
    // A lock fits an identical recipe only.
    const isSame = (one: { recipe: object }, other: { recipe: object }) =>
      JSON.stringify(one.recipe) === JSON.stringify(other.recipe);
    for (const one of bundle.recipes) one.lock ??= others.find((other) => isSame(one, other))?.lock ?? null;
  }
  return withWorkspace(context.state, async ({ directory }) => {
    const recipes = join(directory, 'recipes');
    for (const folder of ['recipes', 'keys', 'templates']) await mkdir(join(directory, folder));
    for (const { file, recipe, lock, ids } of bundle.recipes) {
      await writeFile(join(recipes, file), JSON.stringify(recipe));
      if (ids) await writeIds(join(recipes, idsPathOf(lockPathOf(file))), ids);
      if (lock === null) continue;
      await writeFile(join(recipes, lockPathOf(file)), JSON.stringify(lock));
    }
    for (const [name, content] of Object.entries(bundle.keys)) {
      await writeFile(join(directory, 'keys', name), Buffer.from(content, 'base64'));
    }
    for (const [name, text] of Object.entries(bundle.templates)) {
      const path = resolve(directory, 'templates', name);
      if (!path.startsWith(join(directory, 'templates/'))) throw invalidBundle(digest, `template ${name}`);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
    return confined(bundle.untrusted === true, () => fn(join(recipes, bundle.recipes.at(-1)!.file)));
  });
}
