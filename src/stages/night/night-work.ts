/** From the plan of a night and what earlier nights have done: what is locked, what is released, and what rests. */
import type { Digest } from '../../lib/oci/digest.ts';
import { inOrder } from './plan-images.ts';
import type { ImagePlan, PlannedImage } from './planned-image.ts';

/** A recipe of the set as it is before the night. */
export interface NightMember extends Pick<PlannedImage, 'recipe' | 'path' | 'arches' | 'bases'> {
  /** Digest of the lock beside the recipe. */
  lock: string | undefined;
  /** Digest of what the recipe and its bases say besides packages: files, services, tests. */
  content: Digest;
  /** Digest of where the image goes. */
  target: Digest;
  quarantineAfter: number | undefined;
}

/** What earlier nights have left. */
export interface MemberPast {
  /** `stated`: seconds since 1970, when the key has stated last what the tags name. */
  published?: { lock: string; content: string; target: string; stated: number };
  failing?: { nights: number; content: string };
}

export interface Clock {
  now: number;
  life: number;
}

export interface NightWork {
  /** In the order in which they are locked and released: bases first. */
  images: PlannedImage[];
  /** Failed for too many nights, and the recipe has not changed since. */
  quarantined: { recipe: string; nights: number }[];
  /** What stands on a recipe that fails or is quarantined. */
  skipped: { recipe: string; base: string }[];
  failed: ImagePlan['failed'];
  unchanged: string[];
  /** Of the images those whose lock stays as it is. */
  locked: ReadonlySet<string>;
}

/** @param retried recipes that a person has taken out of quarantine */
export function decideWork(
  plan: ImagePlan,
  members: readonly NightMember[],
  past: ReadonlyMap<string, MemberPast>,
  retried: ReadonlySet<string>,
  clock: Clock,
): NightWork {
  const work: Omit<NightWork, 'locked'> = {
    images: [],
    quarantined: [],
    skipped: [],
    failed: [],
    unchanged: [],
  };
  const planned = new Map(plan.images.map((image) => [image.recipe, image]));
  const failures = new Map(plan.failed.map((one) => [one.recipe, one]));
  const stopped = new Set<string>();
  for (const member of members.toSorted(byDepth)) {
    const { recipe, bases } = member;
    const before = past.get(recipe) ?? {};
    const base = bases.findLast((one) => stopped.has(one));
    const failure = failures.get(recipe);
    if (base === undefined && !failure && !isQuarantined(member, before, retried)) {
      const image =
        planned.get(recipe) ?? (isPublished(member, before, clock) ? undefined : unpublished(member, before));
      if (image) work.images.push(image);
      else work.unchanged.push(recipe);
      continue;
    }
    stopped.add(recipe);
    if (base !== undefined) work.skipped.push({ recipe, base });
    else if (isQuarantined(member, before, retried))
      work.quarantined.push({ recipe, nights: before.failing!.nights });
    else work.failed.push(failure!);
  }
  const locked = new Set(work.images.map(({ recipe }) => recipe).filter((recipe) => !planned.has(recipe)));
  return { ...work, locked, images: inOrder(work.images) };
}

const byDepth = (a: NightMember, b: NightMember) =>
  a.bases.length - b.bases.length || (a.recipe < b.recipe ? -1 : 1);

/** A new package seldom mends what failed for days, but a change of the recipe or of a base is meant to. */
function isQuarantined(
  { recipe, content, quarantineAfter }: NightMember,
  { failing }: MemberPast,
  retried: ReadonlySet<string>,
): boolean {
  if (quarantineAfter === undefined || !failing || retried.has(recipe)) return false;
  return failing.nights >= quarantineAfter && failing.content === content;
}

/**
 * Statements about tags end: half of their life is left for nights that fail. `now` in seconds since 1970; `life` of the
 * statements in seconds.
 */
export function isPublished(
  { lock, content, target }: Pick<NightMember, 'lock' | 'content' | 'target'>,
  { published }: MemberPast,
  { now, life }: Clock,
): boolean {
  return (
    published !== undefined &&
    published.lock === lock &&
    published.content === content &&
    published.target === target &&
    published.stated > now - life / 2
  );
}

/** The lock stays; what it says has not been published, or has to be stated anew. */
function unpublished(
  { recipe, path, arches, bases, content, lock, target }: NightMember,
  { published }: MemberPast,
): PlannedImage {
  const nothing = { packages: [], advisories: [], updateBytes: 0 };
  const isSame = published?.lock === lock && published?.target === target;
  const kind = !isSame ? 'unpublished' : published.content === content ? 'statement' : 'recipe';
  return { recipe, path, arches, bases, reasons: [{ kind }], ...nothing, priority: 'normal' };
}
