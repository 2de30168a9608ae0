/**
 * A recipe as one blob, with its bases, their locks, templates and key files: what a worker on any machine builds from,
 * whatever becomes of the files meanwhile.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { confined, isConfined, unconfined } from '../../lib/http/reach.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
import { idsPathOf, readIds, writeIds } from '../../stages/lock/id-ledger.ts';
import { readLock, type Lock } from '../../stages/lock/lock-file.ts';
import { loadChain, lockPathOf, type LoadedRecipe } from '../../stages/recipe/load.ts';
import { placeOf, readTemplate } from '../../stages/recipe/recipe-files.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';
import { leaveBytes, obtainBytes } from '../state/blob-exchange.ts';
import type { Context } from '../state/context.ts';
import { withWorkspace } from '../state/workspace.ts';
import { invalidBundle, parseBundle, type Bundle } from './bundle-schema.ts';

export interface Bundled {
  digest: Digest;
  /** The recipe's own lock, where all of the chain are locked. */
  lock: Lock | undefined;
  loaded: LoadedRecipe;
}

/** Takes the files as they are now. Throws what reading recipes and locks throws. */
export async function bundleRecipe(context: Context, nameOrPath: string): Promise<Bundled> {
  const chain = await loadChain(nameOrPath);
  const bundle: Bundle = { version: 1, recipes: [], keys: {}, templates: {} };
  if (isConfined()) bundle.untrusted = true;
  const locks: (Lock | undefined)[] = [];
  for (const loaded of chain) {
    const { recipe, path, lockPath } = loaded;
    const repos = await Promise.all(
      recipe.repos.map(async ({ root: _root, ...repo }) => ({
        ...repo,
        keys: await Promise.all(
          repo.keys.map(async (key) => ({ ...key, file: await addKey(bundle, key.file) })),
        ),
      })),
    );
    for (const { template } of recipe.files) {
      if (template === undefined) continue;
      bundle.templates[template] = (await readTemplate(path, template)).text;
    }
    const lock = await readLock(lockPath);
    locks.push(lock);
    const from = await bundleBase(bundle, loaded);
    const described = { ...recipe, repos, ...(from !== undefined && { from }) };
    const ids = await readIds(idsPathOf(lockPath));
    const file = basename(path);
    bundle.recipes.push({ file, recipe: described, lock: lock ?? null, ...(ids && { ids }) });
  }
  if (context.exchange) refuseCredentials(bundle);
  const digest = await unconfined(() => leaveBytes(context, Buffer.from(JSON.stringify(bundle))));
  return { digest, lock: locks.every(Boolean) ? locks.at(-1) : undefined, loaded: chain.at(-1)! };
}

/** An image is pulled by whoever builds on it; a file system stays where it is. Throws RECIPE_INVALID. */
async function bundleBase(bundle: Bundle, { recipe: { from }, path }: LoadedRecipe): Promise<Recipe['from']> {
  if (from === undefined || typeof from === 'string') return from;
  if ('image' in from) {
    const keys = from.keys.map(async (key) => addKey(bundle, await placeOf(path, key)));
    return { ...from, keys: await Promise.all(keys) };
  }
  throw new MillinerError(
    'RECIPE_INVALID',
    `${path}: from: a release does not carry a file system to its workers`,
    {
      hint: 'Build, boot and publish an image of it, and name that image in from: {image: ..., keys: [...]}',
    },
  );
}

/** What goes to a registry may be read by many. Throws RECIPE_INVALID. */
function refuseCredentials({ recipes }: Bundle): void {
  const found = /"[a-z+]+:\/\/[^/"@]*@([^/"]*)/.exec(JSON.stringify(recipes));
  if (!found) return;
  throw new MillinerError(
    'RECIPE_INVALID',
    `a URL of ${found[1]} has credentials in it, which would be published`,
    {
      hint: 'Give them where workers look for them, and leave them out of recipes that go to other machines.',
    },
  );
}

/** Where it lies does not count, and two keys of one name are two. */
async function addKey(bundle: Bundle, path: string): Promise<string> {
  const content = await readFile(path);
  const name = `${canonicalDigest(content.toString('base64')).slice(-16)}-${basename(path)}`;
  bundle.keys[name] = content.toString('base64');
  return join('..', 'keys', name);
}

/** Runs fn with the path of the recipe, its files laid out for this process alone. Throws STATE_INVALID. */
export async function withBundle<T>(
  context: Context,
  digest: Digest,
  fn: (recipe: string) => Promise<T>,
  /** Another bundle, whose locks hold for recipes that have none in this one. */
  locksFrom?: Digest,
): Promise<T> {
  const bundle = parseBundle(digest, await obtainBytes(context, digest));
  if (locksFrom !== undefined) {
    const { recipes: others } = parseBundle(locksFrom, await obtainBytes(context, locksFrom));
    // A recipe that was changed since has another answer.
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
