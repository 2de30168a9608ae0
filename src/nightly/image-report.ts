/** What a night says about each recipe of its set. */
import { MillinerError } from '../lib/errors/error.ts';
import type { Failure } from '../lib/errors/wire.ts';
import { readLedger, recordIds } from '../pipeline/build/record-ids.ts';
import { obtainBytes, openExchange } from '../pipeline/state/blob-exchange.ts';
import type { Context } from '../pipeline/state/context.ts';
import type { ImageRecord } from '../pipeline/state/image-records.ts';
import { parseRecord } from '../pipeline/state/received.ts';
import type { MemberMemory, SetMemory } from '../pipeline/state/set-memory.ts';
import type { NightWork } from '../stages/night/night-work.ts';
import type { NightReportInput } from '../stages/report/night-report.ts';
import { changesSince } from './changes-since.ts';
import type { LockOutcome } from './lock-images.ts';
import type { NightRecipe } from './night-members.ts';
import {
  failureOfRelease,
  outcomeOfFailure,
  publishedDigest,
  type EndedRelease,
  type LockedImage,
  type StageFailure,
} from './release-images.ts';

export type ImageInput = NightReportInput['images'][number];

/** All that happened to the recipes of a set. */
export interface NightEvents {
  recipes: ReadonlyMap<string, NightRecipe>;
  work: NightWork;
  locked: ReadonlyMap<string, LockOutcome>;
  images: readonly LockedImage[];
  ended: ReadonlyMap<string, EndedRelease>;
  /** Before the night. */
  past: SetMemory;
  plainHttp: boolean;
}

/** In the order of the work: images first, then what rested. Writes new ids beside the recipes. */
export async function imageReports(context: Context, events: NightEvents): Promise<ImageInput[]> {
  const { work, recipes, past } = events;
  const reports: ImageInput[] = [];
  for (const image of work.images) {
    const about = { recipe: image.recipe, arches: image.arches, reasons: image.reasons };
    reports.push({ ...about, ...(await workedOn(context, events, image.recipe)) });
  }
  const rest = (recipe: string, fields: Omit<ImageInput, 'recipe' | 'arches'>) =>
    reports.push({
      recipe,
      arches: recipes.get(recipe)!.arches,
      ...publishedBefore(past[recipe]),
      ...fields,
    });
  for (const { recipe, ...failure } of work.failed)
    rest(recipe, { outcome: 'failed', failure: { ...failure, stage: 'lock' } });
  for (const { recipe, nights } of work.quarantined) {
    const failure = past[recipe]?.failing?.failure;
    rest(recipe, { outcome: 'quarantined', quarantine: { nights }, ...(failure && { failure }) });
  }
  for (const { recipe, base } of work.skipped)
    rest(recipe, { outcome: 'skipped', failure: skippedFor(base) });
  for (const recipe of work.unchanged) rest(recipe, { outcome: 'unchanged' });
  return reports;
}

const publishedBefore = (past: MemberMemory | undefined) =>
  past?.published ? { digest: past.published.digest } : {};

function skippedFor(base: string): StageFailure {
  const hint = `Mend ${base}; the next night goes on with what stands on it.`;
  return { stage: 'base', code: 'BASE_FAILED', message: `its base ${base} was not published`, hint };
}

async function workedOn(
  context: Context,
  events: NightEvents,
  name: string,
): Promise<Omit<ImageInput, 'recipe' | 'arches'>> {
  const outcome = events.locked.get(name)!;
  if ('base' in outcome) return { outcome: 'skipped', failure: skippedFor(outcome.base) };
  if ('failure' in outcome) return { outcome: 'failed', failure: { ...outcome.failure, stage: 'lock' } };
  const before = events.past[name]?.published;
  const release = events.ended.get(name);
  // The lock is that of the image which the tags name already.
  if (!release) return { outcome: 'unchanged', ...publishedBefore(events.past[name]) };
  const { status } = release;
  if (!status.report) return notPublished(status.release, failureOfRelease(status));
  const digest = publishedDigest(status.report);
  const image = events.images.find((one) => one.image.recipe === name)!;
  return {
    outcome: 'published',
    references: status.report.references,
    digest,
    ...(before && before.digest !== digest && { previous: before.digest }),
    ...(await changesSince(context, image)),
    updateBytes: image.image.updateBytes,
    ...(await measured(context, events, image.recipe, release)),
  };
}

function notPublished(release: string, failure: StageFailure): Omit<ImageInput, 'recipe' | 'arches'> {
  const outcome = outcomeOfFailure(failure);
  const { code, message, hint, stage, arch, details } = failure;
  const log = `milliner queue status ${release}`;
  const told = { stage, code, message, hint, log, ...(arch !== undefined && { arch }) };
  if (outcome !== 'held') return { outcome, failure: told };
  return { outcome, hold: holdOf(message, details) };
}

/** TAG_HELD says why, and how long. */
function holdOf(message: string, details: Failure['details']): NonNullable<ImageInput['hold']> {
  const { reason, until } = details ?? {};
  return {
    reason: typeof reason === 'string' ? reason : message,
    ...(typeof until === 'number' && { until: new Date(until * 1000).toISOString() }),
  };
}

/** Size and time to boot; of several architectures the largest and the slowest. */
async function measured(
  context: Context,
  { plainHttp }: NightEvents,
  { member }: NightRecipe,
  { status, exchange }: EndedRelease,
): Promise<Pick<ImageInput, 'size' | 'boot'>> {
  const { images } = status.report!;
  const times = images.flatMap(({ readySeconds }) => readySeconds ?? []);
  const retries = Math.max(...images.map((one) => one.retries ?? 0));
  const boot = times.length > 0 && { boot: { readySeconds: Math.max(...times), retries } };
  try {
    const place =
      exchange === undefined ? undefined : await openExchange(exchange, { ...context, plainHttp });
    const sizes: number[] = [];
    for (const { records } of images) {
      const bytes = await obtainBytes({ ...context, exchange: place }, records.at(-1)!);
      const record = parseRecord(bytes);
      sizes.push(sizeOf(record));
      await recordIds(context, member.loaded, await readLedger(member.loaded), record);
    }
    return { size: Math.max(...sizes), ...boot };
  } catch (error) {
    // The image is out, whatever can be told of it.
    if (!(error instanceof MillinerError) || context.signal?.aborted === true) throw error;
    context.progress.warn(
      `${member.loaded.recipe.name}: its size and new ids are not known: ${error.message}`,
    );
    return { ...boot };
  }
}

const sizeOf = ({ layers }: ImageRecord) => layers.reduce((sum, { size }) => sum + size, 0);
