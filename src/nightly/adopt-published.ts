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
import { layouts } from '../pipeline/trust/fetch-signatures.ts';
import { statedOf } from '../pipeline/trust/standings.ts';
import { newestPage } from '../pipeline/trust/tag-history.ts';
import { fillReferences } from '../stages/recipe/fill-references.ts';
import { allReferences, indexReferences } from '../queue/release-tags.ts';
import { platformOf, showPlatform } from '../stages/image/platform.ts';
import type { PublicKey } from '../stages/sign/public-key.ts';
import type { NightRecipe } from './night-members.ts';

/** The memory with what was found. A history that cannot be read leaves its recipe to be released again. */
export async function adoptPublished(
  options: RunOptions,
  set: { name: string; key: PublicKey; plainHttp: boolean },
  recipes: ReadonlyMap<string, NightRecipe>,
  memory: SetMemory,
): Promise<SetMemory> {
  const unknown = [...recipes.values()].filter(({ recipe, lock }) => !memory[recipe]?.published && lock);
  if (unknown.length === 0 || options.offline === true) return memory;
  const adopted: SetMemory = { ...memory };
  for (const recipe of unknown) {
    try {
      const published = await publishedOf(options, set.key, set.plainHttp, recipe);
      if (!published) continue;
      await rememberLock(options.state, set.name, recipe.lockBefore!);
      adopted[recipe.recipe] = { ...memory[recipe.recipe], published };
    } catch (error) {
      if (!(error instanceof MillinerError) || options.signal?.aborted === true) throw error;
      options.progress.warn(`${recipe.recipe}: what its tags name is not known: ${error.message}`);
      // Each further request would be repeated for as long.
      if (error.code === 'REGISTRY_UNAVAILABLE') break;
    }
  }
  return adopted;
}

/** Undefined unless each of its standing tags names an image of the lock beside the recipe, for all architectures. */
async function publishedOf(
  run: RunOptions,
  key: PublicKey,
  plainHttp: boolean,
  { member, to, arches, lockBefore, content, target }: NightRecipe,
): Promise<MemberMemory['published']> {
  // Another night has other dates.
  const standing = to.filter((one) => !/\{\{\s*date\s*\}\}/.test(one));
  // The image for one of several architectures of a lock could be another one's.
  if (standing.length === 0 || (arches.length === 1 && Object.keys(lockBefore!.arches).length > 1))
    return undefined;
  const wanted = { to: fillReferences(member.loaded.recipe, member.loaded.path, standing), arches };
  const indexes = new Set(indexReferences(wanted));
  let digest: Digest | undefined;
  let stated = Infinity;
  for (const place of await openTargets(allReferences(wanted), { ...run, plainHttp })) {
    for (const { tag, reference } of place.tags) {
      const wants = { lock: lockBefore!.digest, content, arches: indexes.has(reference) ? arches : [] };
      const found = await imageOf(run, key, place, { tag, reference }, wants);
      if (!found) return undefined;
      digest = found.digest;
      stated = Math.min(stated, found.issued);
    }
  }
  return digest && { lock: lockBefore!.digest, digest, content, target, stated };
}

interface Wanted {
  lock: Digest;
  content: Digest;
  /** Those of an index; none for one image. */
  arches: readonly string[];
}

/** The image of the tag, if its newest record is of this lock and content, and what the key states of the tag. */
async function imageOf(
  { state, progress }: RunOptions,
  key: PublicKey,
  { client, repository }: Target,
  { tag, reference }: Target['tags'][number],
  { lock, content, arches }: Wanted,
): Promise<{ digest: Digest; issued: number } | undefined> {
  const options = { key, state, warn: (sentence: string) => progress.warn(sentence) };
  const latest = (await newestPage({ client, repository, tag, reference }, options))?.latest;
  if (latest?.lock !== lock || latest.content !== content) return undefined;
  const manifest = await client.findManifest(repository, tag);
  if (manifest?.digest !== latest.to) return undefined;
  const there = imagesIn(manifest).map(({ platform }) => showPlatform(platform));
  const wanted = arches.map((arch) => showPlatform({ os: 'linux', ...platformOf(arch) }));
  if (there.toSorted().join(' ') !== wanted.toSorted().join(' ')) return undefined;
  const { digest } = manifest;
  const issued = (await statedOf({ client, repository, digest }, layouts, options)).standings.get(
    reference,
  )?.issued;
  return issued === undefined ? undefined : { digest, issued };
}
