/**
 * What the tags of a set name already, for recipes that this state has not published itself: a set that was released by hand
 * before, or a runner that begins each night with an empty state. The signed history of a tag tells from which lock its
 * image was built.
 */
import { MillinerError } from '../lib/errors/error.ts';
import type { Digest } from '../lib/oci/digest.ts';
import { openTargets, type Target } from '../pipeline/publish/targets.ts';
import { imagesIn } from '../pipeline/publish/point-tag.ts';
import type { RunOptions } from '../pipeline/state/context.ts';
import { rememberLock, type MemberMemory, type SetMemory } from '../pipeline/state/set-memory.ts';
import { requirePemKey } from '../pipeline/trust/signer-key.ts';
import { newestPage } from '../pipeline/trust/tag-history.ts';
import { fillReferences } from '../queue/release-references.ts';
import { allReferences, indexReferences } from '../queue/release-tags.ts';
import type { PublicKey } from '../stages/sign/public-key.ts';
import type { NightRecipe } from './night-members.ts';

/** The memory with what was found. A registry that cannot tell leaves a recipe to be released again. */
export async function adoptPublished(
  options: RunOptions,
  set: { name: string; publicKey: string; plainHttp: boolean },
  recipes: ReadonlyMap<string, NightRecipe>,
  memory: SetMemory,
): Promise<SetMemory> {
  const unknown = [...recipes.values()].filter(({ recipe, lock }) => !memory[recipe]?.published && lock);
  if (unknown.length === 0 || options.offline === true) return memory;
  const adopted: SetMemory = { ...memory };
  try {
    const key = await requirePemKey(set.publicKey, options.signal);
    for (const recipe of unknown) {
      const published = await publishedOf(options, key, set.plainHttp, recipe);
      if (!published) continue;
      await rememberLock(options.state, set.name, recipe.lockBefore!);
      adopted[recipe.recipe] = { ...memory[recipe.recipe], published };
    }
  } catch (error) {
    if (!(error instanceof MillinerError) || options.signal?.aborted === true) throw error;
    options.progress.warn(`what is published already is not known: ${error.message}`);
  }
  return adopted;
}

/** Undefined unless each of its standing tags names an image of the lock beside the recipe, for all architectures. */
async function publishedOf(
  run: RunOptions,
  key: PublicKey,
  plainHttp: boolean,
  { member, to, arches, lockBefore, target }: NightRecipe,
): Promise<MemberMemory['published']> {
  // Another night has other dates.
  const standing = to.filter((one) => !/\{\{\s*date\s*\}\}/.test(one));
  const wanted = { to: fillReferences(member.loaded.recipe, member.loaded.path, standing), arches };
  if (standing.length === 0) return undefined;
  const indexes = new Set(indexReferences(wanted));
  let digest: Digest | undefined;
  for (const place of await openTargets(allReferences(wanted), { ...run, plainHttp })) {
    for (const { tag, reference } of place.tags) {
      const count = indexes.has(reference) ? arches.length : 0;
      const found = await imageOfLock(run, key, place, { tag, reference, count }, lockBefore!.digest);
      if (!found) return undefined;
      digest = found;
    }
  }
  return digest && { lock: lockBefore!.digest, digest, target: target as Digest };
}

/** What the tag names, if the newest record of its history says that it is of the lock; `count` is that of an index's images. */
async function imageOfLock(
  { state, progress }: RunOptions,
  key: PublicKey,
  { client, repository }: Target,
  { tag, reference, count }: { tag: string; reference: string; count: number },
  lock: Digest,
): Promise<Digest | undefined> {
  const warn = (sentence: string) => progress.warn(sentence);
  const newest = await newestPage({ client, repository, tag, reference }, { key, state, warn });
  if (newest?.latest.lock !== lock) return undefined;
  const manifest = await client.findManifest(repository, tag);
  if (manifest?.digest !== newest.latest.to) return undefined;
  return imagesIn(manifest).length === count ? manifest.digest : undefined;
}
