/**
 * For `nightly`: carries what has changed in the repositories to the images of a set. What is finished is remembered as it
 * ends: a night that was killed at any point is completed by the next run, which plans the rest again.
 */
import { dirname, resolve } from 'node:path';
import {
  withContext,
  withSnapshots,
  withState,
  type Context,
  type RunOptions,
  type StateContext,
} from '../pipeline/state/context.ts';
import {
  readSetMemory,
  rememberedLock,
  writeSetMemory,
  type SetMemory,
} from '../pipeline/state/set-memory.ts';
import { afterPlanning, withSharing } from '../pipeline/lock/shared-solving.ts';
import { planSet } from '../pipeline/night/plan-night.ts';
import { sendReports } from '../pipeline/report/send-reports.ts';
import type { Failure } from '../lib/errors/wire.ts';
import type { NightReport } from '../stages/report/night-report.ts';
import { decideWork, type NightWork } from '../stages/night/night-work.ts';
import { loadSet, type LoadedSet } from '../stages/recipe/load-set.ts';
import { withConnection } from '../queue/connection.ts';
import { adoptPublished } from './adopt-published.ts';
import { imageReports } from './image-report.ts';
import { lockImages, type LockOutcome } from './lock-images.ts';
import { nightRecipes, publicKeyOf, type NightRecipe } from './night-members.ts';
import { inLocalTurn, inSharedTurn } from './night-turn.ts';
import { applyRules } from './night-retention.ts';
import {
  failingAfter,
  releaseImages,
  type EndedRelease,
  type LockedImage,
  type NightAccess,
} from './release-images.ts';

export interface NightRequest extends Omit<NightAccess, 'key' | 'askPassword'> {
  /** A path; the default is milliner.yaml here or in recipes/. */
  set: string | undefined;
  /** Names of recipes that are tried though they are quarantined. */
  retried: readonly string[];
  askPassword: (key: string) => Promise<string>;
}

export interface Night {
  report: NightReport;
  /** Of reports and webhooks that could not be delivered, and of retention. */
  failures: Failure[];
  /** Where the report is stored, and written to; absent for a night in which nothing had to be done. */
  stored?: string;
  files?: string[];
}

interface Prepared {
  /** What earlier nights have left, and what is published already. */
  past: SetMemory;
  recipes: Map<string, NightRecipe>;
  work: NightWork;
  locked: Map<string, LockOutcome>;
}

/**
 * Throws SET_NOT_FOUND, SET_INVALID, KEY_FILE_INVALID, what loading recipes and the queue throw. Failures of single
 * recipes are in the report.
 */
export async function runNight(options: RunOptions, request: NightRequest): Promise<Night> {
  const loaded = await loadSet(request.set);
  const { name } = loaded.set;
  return inLocalTurn(options, name, async () => {
    const started = new Date().toISOString();
    const known = await readSetMemory(options.state, name);
    const prepared = await withState(options, (context) => prepare(context, loaded, known, request));
    const { past } = prepared;
    const memory = { ...past };
    if (isIdle(prepared.work)) {
      if (past !== known) await writeSetMemory(options.state, name, past);
      return idleNight(name, started, prepared);
    }
    const images = await imagesToRelease(options, name, prepared, past);
    noteFailures(memory, prepared);
    await writeSetMemory(options.state, name, memory);
    const key = resolve(dirname(loaded.path), loaded.set.key);
    const access = { ...request, key, askPassword: () => request.askPassword(key) };
    const ended = await release(options, { name, memory }, images, access);
    return withContext(options, (context) =>
      tell(context, loaded, request, started, { ...prepared, images, ended }),
    );
  });
}

/** Plans, and makes the locks with the metadata that was planned with. */
function prepare(
  context: StateContext,
  loaded: LoadedSet,
  known: SetMemory,
  { retried, plainHttp }: NightRequest,
): Promise<Prepared> {
  return context.content.lease(() =>
    withSharing(context, async (shared) => {
      const { plan, vulnerable } = await planSet(shared, loaded);
      const recipes = await nightRecipes(loaded, loaded.set.key);
      const { name } = loaded.set;
      const set = { name, publicKey: publicKeyOf(loaded), plainHttp };
      const past = await adoptPublished(shared, set, recipes, known);
      const work = decideWork(plan, [...recipes.values()], new Map(Object.entries(past)), new Set(retried));
      if (work.images.length === 0) return { recipes, work, past, locked: new Map() };
      const lockAll = (opened: Context) => lockImages(opened, work.images, recipes, vulnerable);
      return { recipes, work, past, locked: await withSnapshots(afterPlanning(shared), lockAll) };
    }),
  );
}

function isIdle({ images, failed, quarantined, skipped }: NightWork): boolean {
  return images.length + failed.length + quarantined.length + skipped.length === 0;
}

/** Nothing is written: a report of a night without events would only hide the others. */
function idleNight(set: string, started: string, { recipes }: Prepared): Night {
  const images = [...recipes.values()].map(({ recipe, arches }) => ({
    recipe,
    arches,
    outcome: 'unchanged' as const,
    ...nothing(),
  }));
  return { report: { version: 1, set, started, finished: new Date().toISOString(), images }, failures: [] };
}

const nothing = () => ({ reasons: [], references: [], packages: [], advisories: [], former: [] });

/** Read before the night, which replaces the copies of the locks that were published before. */
async function imagesToRelease(
  { state }: RunOptions,
  set: string,
  { recipes, work, locked }: Prepared,
  past: SetMemory,
): Promise<LockedImage[]> {
  const images: LockedImage[] = [];
  for (const image of work.images) {
    const recipe = recipes.get(image.recipe)!;
    const outcome = locked.get(image.recipe)!;
    if (!('lock' in outcome)) continue;
    const published = past[image.recipe]?.published;
    if (published?.lock === outcome.lock.digest && published.target === recipe.target) continue;
    const before = await rememberedLock(state, set, image.recipe, published?.lock);
    images.push({ image, recipe, lock: outcome.lock, before });
  }
  return images;
}

/** Of recipes that could not be planned or locked. */
function noteFailures(memory: SetMemory, { recipes, work, locked }: Prepared): void {
  const failures = new Map<string, Pick<Failure, 'message' | 'hint'> & { code: string }>(
    work.failed.map((one) => [one.recipe, one]),
  );
  for (const [recipe, outcome] of locked) if ('failure' in outcome) failures.set(recipe, outcome.failure);
  for (const [recipe, failure] of failures) {
    const before = memory[recipe];
    const failing = failingAfter(before?.failing, recipes.get(recipe)!.inputs, { ...failure, stage: 'lock' });
    memory[recipe] = { ...before, failing };
  }
}

async function release(
  options: RunOptions,
  set: { name: string; memory: SetMemory },
  images: readonly LockedImage[],
  access: NightAccess,
): Promise<Map<string, EndedRelease>> {
  if (images.length === 0) return new Map();
  const { signal, progress } = options;
  const onTrouble = ({ message }: Error) => progress.warn(message);
  return withConnection(options.state, { signal, onTrouble }, (connection) => {
    const releaseAll = () => releaseImages(options, connection, set, images, access);
    return connection.shared ? inSharedTurn(options, connection.redis, set.name, releaseAll) : releaseAll();
  });
}

async function tell(
  context: Context,
  loaded: LoadedSet,
  { plainHttp }: NightRequest,
  started: string,
  events: Prepared & { images: LockedImage[]; ended: Map<string, EndedRelease> },
): Promise<Night> {
  const { set, path } = loaded;
  const images = await imageReports(context, { plainHttp, ...events });
  const failures = await applyRules(context, loaded, plainHttp, images);
  const input = { version: 1 as const, set: set.name, started, finished: new Date().toISOString(), images };
  const sent = await sendReports(context, dirname(path), set.reports, input);
  return {
    report: sent.report,
    stored: sent.stored,
    files: sent.files,
    failures: [...failures, ...sent.failures],
  };
}
