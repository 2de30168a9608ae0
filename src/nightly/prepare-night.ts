/** The first half of a night: plans, finds out what is published already, and makes the new locks. */
import { MillinerError } from '../lib/errors/error.ts';
import { failureOf } from '../lib/errors/wire.ts';
import { parseReference } from '../lib/registry/reference.ts';
import { afterPlanning, withSharing } from '../pipeline/lock/shared-solving.ts';
import { planSet } from '../pipeline/night/plan-night.ts';
import { defaultLife } from '../pipeline/publish/next-standings.ts';
import { withSnapshots, type Context, type StateContext } from '../pipeline/state/context.ts';
import { rememberedLock, type SetMemory } from '../pipeline/state/set-memory.ts';
import { fillReferences } from '../stages/recipe/fill-references.ts';
import { decideWork, isPublished, type Clock, type NightWork } from '../stages/night/night-work.ts';
import type { ImagePlan } from '../stages/night/planned-image.ts';
import type { LoadedSet } from '../stages/recipe/load-set.ts';
import type { PublicKey } from '../stages/sign/public-key.ts';
import { adoptPublished } from './adopt-published.ts';
import { lockImages, type LockOutcome } from './lock-images.ts';
import { failingAfter } from './night-failure.ts';
import { nightRecipes, type NightRecipe } from './night-members.ts';
import { today, type LockedImage } from './release-images.ts';

export interface Prepared {
  /** What earlier nights have left, and what is published already. */
  past: SetMemory;
  recipes: Map<string, NightRecipe>;
  work: NightWork;
  locked: Map<string, LockOutcome>;
  /** What is to be released. */
  images: LockedImage[];
}

interface Preparation {
  known: SetMemory;
  key: PublicKey;
  retried: readonly string[];
  plainHttp: boolean;
}

/** The locks are made with the metadata that was planned with. Throws USAGE for a recipe that the set has not. */
export function prepareNight(
  context: StateContext,
  loaded: LoadedSet,
  { known, key, retried, plainHttp }: Preparation,
): Promise<Prepared> {
  return context.content.lease(() =>
    withSharing(context, async (shared) => {
      const recipes = await nightRecipes(loaded, key);
      refuseUnknown(recipes, retried);
      const { plan, vulnerable } = await planSet(shared, loaded);
      const { name } = loaded.set;
      const past = await adoptPublished(shared, { name, key, plainHttp }, recipes, known);
      const clock: Clock = { now: Math.floor(Date.now() / 1000), life: defaultLife };
      const wanted = withBadReferences(plan, recipes);
      const entries = new Map(Object.entries(past));
      const work = decideWork(wanted, [...recipes.values()], entries, new Set(retried), clock);
      if (work.images.length === 0) return { recipes, work, past, locked: new Map(), images: [] };
      const lockAll = (opened: Context) => lockImages(opened, work, recipes, vulnerable);
      const locked = await withSnapshots(afterPlanning(shared), lockAll);
      const images = await imagesToRelease(context, name, { recipes, work, past, locked }, clock);
      return { recipes, work, past, locked, images };
    }),
  );
}

/** A mistyped name would leave the recipe in quarantine. */
function refuseUnknown(recipes: ReadonlyMap<string, NightRecipe>, retried: readonly string[]): void {
  const unknown = retried.find((name) => !recipes.has(name));
  if (unknown === undefined) return;
  throw new MillinerError('USAGE', `--retry ${unknown}: the set has no such recipe`);
}

/** The tags of one recipe must not stop the others. */
function withBadReferences(plan: ImagePlan, recipes: ReadonlyMap<string, NightRecipe>): ImagePlan {
  const failed = [...plan.failed];
  for (const { recipe, member, to } of recipes.values()) {
    try {
      const { loaded } = member;
      const references = fillReferences(loaded.recipe, loaded.path, to);
      for (const one of references) parseReference(one.replaceAll('{{arch}}', 'arch'));
    } catch (error) {
      if (!(error instanceof MillinerError)) throw error;
      const { code, message, hint } = failureOf(error);
      failed.push({ recipe, code, message, hint });
    }
  }
  return { ...plan, failed };
}

/** Read before the night, which replaces the copies of the locks that were published before. */
async function imagesToRelease(
  { state }: StateContext,
  set: string,
  { recipes, work, locked, past }: Omit<Prepared, 'images'>,
  clock: Clock,
): Promise<LockedImage[]> {
  const images: LockedImage[] = [];
  for (const image of work.images) {
    const recipe = recipes.get(image.recipe)!;
    const outcome = locked.get(image.recipe)!;
    if (!('lock' in outcome)) continue;
    const before = past[image.recipe] ?? {};
    if (isPublished({ ...recipe, lock: outcome.lock.digest }, before, clock)) continue;
    const lockBefore = await rememberedLock(state, set, image.recipe, before.published?.lock);
    images.push({ image, recipe, lock: outcome.lock, before: lockBefore });
  }
  return images;
}

/** The memory before the releases: who fails already, and who no longer does. */
export function memoryAfter({ past, recipes, work, locked, images }: Prepared): SetMemory {
  const memory: SetMemory = { ...past };
  const released = new Set(images.map(({ image }) => image.recipe));
  const failures = new Map<string, { code: string; message: string; hint: string }>(
    work.failed.map((one) => [one.recipe, one]),
  );
  for (const [recipe, outcome] of locked) {
    if ('failure' in outcome) failures.set(recipe, outcome.failure);
  }
  const sound = [...locked.keys()].filter((recipe) => !released.has(recipe) && !failures.has(recipe));
  for (const recipe of [...work.unchanged, ...sound]) {
    const { failing, ...rest } = memory[recipe] ?? {};
    if (failing) memory[recipe] = rest;
  }
  for (const [recipe, failure] of failures) {
    const before = memory[recipe];
    const { content } = recipes.get(recipe)!;
    const failing = failingAfter(before?.failing, content, today(), { ...failure, stage: 'lock' });
    memory[recipe] = { ...before, ...(failing && { failing }) };
  }
  return memory;
}
