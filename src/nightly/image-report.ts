/** What a night says about each recipe of its set. */
import type { NightReportInput } from '../stages/report/night-report.ts';
import type { MemberMemory, SetMemory } from '../pipeline/state/set-memory.ts';
import type { NightWork } from '../stages/night/night-work.ts';
import type { HoldOfTag } from './held-tags.ts';
import type { LockOutcome } from './lock-images.ts';
import { failureOfRelease, type StageFailure } from './night-failure.ts';
import type { NightRecipe } from './night-members.ts';
import type { EndedRelease } from './release-images.ts';

export type ImageInput = NightReportInput['images'][number];

/** All that happened to the recipes of a set. */
export interface NightEvents {
  recipes: ReadonlyMap<string, NightRecipe>;
  work: NightWork;
  locked: ReadonlyMap<string, LockOutcome>;
  ended: ReadonlyMap<string, EndedRelease>;
  /** Of the images that were not published: whose tags are held, by their signed histories. */
  held: ReadonlyMap<string, HoldOfTag>;
  /** After the night. */
  memory: SetMemory;
}

/** In the order of the work: images first, then what rested. */
export function imageReports({ work, recipes, memory, ...events }: NightEvents): ImageInput[] {
  const reports = new Map<string, ImageInput>();
  for (const { recipe, arches, reasons, bases } of work.images) {
    const about = { recipe, arches, reasons };
    const stopped = bases.findLast((base) => !isThere(reports.get(base)));
    reports.set(recipe, memory[recipe]?.untold ?? { ...about, ...workedOn(events, memory, recipe, stopped) });
  }
  const rest = (recipe: string, fields: Omit<ImageInput, 'recipe' | 'arches'>) => {
    const { arches } = recipes.get(recipe)!;
    reports.set(recipe, { recipe, arches, ...publishedBefore(memory[recipe]), ...fields });
  };
  for (const { recipe, ...failure } of work.failed)
    rest(recipe, { outcome: 'failed', failure: { ...failure, stage: 'lock' } });
  for (const { recipe, nights } of work.quarantined) {
    const failure = memory[recipe]?.failing?.failure;
    rest(recipe, { outcome: 'quarantined', quarantine: { nights }, ...(failure && { failure }) });
  }
  for (const { recipe, base } of work.skipped)
    rest(recipe, { outcome: 'skipped', failure: skippedFor(base) });
  for (const recipe of work.unchanged) {
    // An earlier night has published it, and was killed before it could tell.
    const { untold } = memory[recipe] ?? {};
    if (untold) reports.set(recipe, untold);
    else rest(recipe, { outcome: 'unchanged' });
  }
  return [...reports.values()];
}

/** A base that is no recipe of the night stands as it did. */
const isThere = (base: ImageInput | undefined) =>
  base === undefined || base.outcome === 'published' || base.outcome === 'unchanged';

const publishedBefore = (past: MemberMemory | undefined) =>
  past?.published ? { digest: past.published.digest } : {};

function skippedFor(base: string): StageFailure {
  const hint = `Mend ${base}; the next night goes on with what stands on it.`;
  return { stage: 'base', code: 'BASE_FAILED', message: `its base ${base} was not published`, hint };
}

function workedOn(
  { locked, ended, held }: Pick<NightEvents, 'locked' | 'ended' | 'held'>,
  memory: SetMemory,
  name: string,
  stopped: string | undefined,
): Omit<ImageInput, 'recipe' | 'arches'> {
  const outcome = locked.get(name)!;
  if ('base' in outcome) return { outcome: 'skipped', failure: skippedFor(outcome.base) };
  if ('failure' in outcome) return { outcome: 'failed', failure: { ...outcome.failure, stage: 'lock' } };
  const release = ended.get(name);
  // What its tags name is of this lock and content already.
  if (!release) return { outcome: 'unchanged', ...publishedBefore(memory[name]) };
  const hold = held.get(name);
  if (hold) return { outcome: 'held', hold };
  const { code, message, hint, stage, arch } = failureOfRelease(release.status);
  const log = `milliner queue status ${release.status.release}`;
  const failure = { stage, code, message, hint, log, ...(arch !== undefined && { arch }) };
  // Only a base that was not published in this night is a reason: the queue could say anything.
  const isSkipped = code === 'BASE_FAILED' && stopped !== undefined;
  return { outcome: isSkipped ? 'skipped' : 'failed', failure };
}
