/** The recipes of a set as a night finds them: their locks, and where their images go. */
import { dirname, relative, resolve } from 'node:path';
import { MillinerError } from '../lib/errors/error.ts';
import { canonicalDigest, type Digest } from '../lib/oci/digest.ts';
import { wantedArches } from '../pipeline/night/plan-night.ts';
import { contentDigest } from '../pipeline/lock/recipe-content.ts';
import { readLock, type Lock } from '../stages/lock/lock-file.ts';
import type { NightMember } from '../stages/night/night-work.ts';
import type { PublicKey } from '../stages/sign/public-key.ts';
import type { LoadedSet, SetMember } from '../stages/recipe/load-set.ts';

/** A member with what releasing it needs. */
export interface NightRecipe extends NightMember {
  member: SetMember;
  /** Templates of its references. */
  to: string[];
  lockBefore: Lock | undefined;
}

/** By name. Throws SET_INVALID where a recipe has no place to go to, LOCK_INVALID. */
export async function nightRecipes(loaded: LoadedSet, key: PublicKey): Promise<Map<string, NightRecipe>> {
  const recipes = new Map<string, NightRecipe>();
  const contents: Contents = new Map();
  for (const member of loaded.members) {
    const { recipe, lockPath, path } = member.loaded;
    const arches = wantedArches(loaded, member);
    const to = referencesOf(loaded, member);
    const lockBefore = await readLock(lockPath);
    recipes.set(recipe.name, {
      member,
      recipe: recipe.name,
      path: relative(dirname(loaded.path), path),
      bases: member.chain.slice(0, -1).map((one) => one.recipe.name),
      arches,
      to,
      lockBefore,
      lock: lockBefore?.digest,
      target: canonicalDigest({ to, arches, key: key.hint }),
      content: await chainContent(member, contents),
      quarantineAfter: member.quarantineAfter,
    });
  }
  return recipes;
}

/** By path of the recipe: a base is read once, however many recipes stand on it. */
type Contents = Map<string, Digest>;

async function chainContent({ chain }: SetMember, contents: Contents): Promise<Digest> {
  let content: Digest | undefined;
  for (const loaded of chain) {
    const known = contents.get(loaded.path);
    content = known ?? (await contentDigest(loaded, content));
    contents.set(loaded.path, content);
  }
  return content!;
}

/** `key generate` writes it beside the private one. */
export function publicKeyOf({ set, path }: LoadedSet): string {
  return resolve(dirname(path), set.key).replace(/(?:\.key)?$/, '.pub');
}

function referencesOf({ path }: LoadedSet, { loaded, publish }: SetMember): string[] {
  if (publish) return publish.to.flatMap((place) => publish.tags.map((tag) => `${place}:${tag}`));
  const { name } = loaded.recipe;
  throw new MillinerError('SET_INVALID', `${path}: publish: nothing says where ${name} goes`, {
    hint: 'Give publish: {to: [..], tags: [..]} in the set or in the recipe.',
    details: { path, recipe: name },
  });
}
