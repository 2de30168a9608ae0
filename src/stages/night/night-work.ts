/** From the plan of a night and what earlier nights have done: what is locked, what is released, and what rests. */
import type { ImagePlan, PlannedImage } from './planned-image.ts';

/** A recipe of the set as it is before the night. */
export interface NightMember extends Pick<PlannedImage, 'recipe' | 'path' | 'arches' | 'bases'> {
  /** Digest of the lock beside the recipe. */
  lock: string | undefined;
  /** Digest of what the lock depends on in the recipe. */
  inputs: string;
  /** Digest of where the image goes. */
  target: string;
  quarantineAfter: number | undefined;
}

/** What earlier nights have left. */
export interface MemberPast {
  published?: { lock: string; target: string };
  failing?: { nights: number; inputs: string };
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
}

/** @param retried recipes that a person has taken out of quarantine */
export function decideWork(
  plan: ImagePlan,
  members: readonly NightMember[],
  past: ReadonlyMap<string, MemberPast>,
  retried: ReadonlySet<string>,
): NightWork {
  const work: NightWork = { images: [], quarantined: [], skipped: [], failed: [], unchanged: [] };
  const planned = new Map(plan.images.map((image) => [image.recipe, image]));
  const failures = new Map(plan.failed.map((one) => [one.recipe, one]));
  const stopped = new Set<string>();
  for (const member of members.toSorted(byDepth)) {
    const { recipe, bases } = member;
    const before = past.get(recipe) ?? {};
    const base = bases.findLast((one) => stopped.has(one));
    const failure = failures.get(recipe);
    if (base === undefined && !failure && !isQuarantined(member, before, retried)) {
      const image = planned.get(recipe) ?? (isPublished(member, before) ? undefined : unpublished(member));
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
  return { ...work, images: work.images.toSorted(byPriority) };
}

const byDepth = (a: NightMember, b: NightMember) =>
  a.bases.length - b.bases.length || (a.recipe < b.recipe ? -1 : 1);

/** The urgent ones overtake; their bases are urgent too. Otherwise the order stays. */
const byPriority = (a: PlannedImage, b: PlannedImage) => rankOf(a) - rankOf(b);

const rankOf = ({ priority }: PlannedImage) => (priority === 'high' ? 0 : 1);

/** A new package seldom mends what failed for days, but a change of the recipe is meant to. */
function isQuarantined(
  { recipe, inputs, quarantineAfter }: NightMember,
  { failing }: MemberPast,
  retried: ReadonlySet<string>,
): boolean {
  if (quarantineAfter === undefined || !failing || retried.has(recipe)) return false;
  return failing.nights >= quarantineAfter && failing.inputs === inputs;
}

function isPublished({ lock, target }: NightMember, { published }: MemberPast): boolean {
  return published !== undefined && published.lock === lock && published.target === target;
}

function unpublished({ recipe, path, arches, bases }: NightMember): PlannedImage {
  const nothing = { packages: [], advisories: [], updateBytes: 0 };
  return { recipe, path, arches, bases, reasons: [{ kind: 'unpublished' }], ...nothing, priority: 'normal' };
}
