/**
 * For `nightly`: carries what has changed in the repositories to the images of a set. What is finished is remembered as it
 * ends: a night that was killed at any point is completed by the next run, which plans the rest again.
 */
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { MillinerError } from '../lib/errors/error.ts';
import type { Failure } from '../lib/errors/wire.ts';
import { sendReports } from '../pipeline/report/send-reports.ts';
import { withState, type RunOptions, type StateContext } from '../pipeline/state/context.ts';
import { readSetMemory, writeSetMemory, type SetMemory } from '../pipeline/state/set-memory.ts';
import { withStateLock } from '../pipeline/state/state-lock.ts';
import { requirePemKey } from '../pipeline/trust/signer-key.ts';
import { withConnection, type Connection } from '../queue/connection.ts';
import { loadSet, readSet, type LoadedSet } from '../stages/recipe/load-set.ts';
import type { NightReport } from '../stages/report/night-report.ts';
import type { PublicKey } from '../stages/sign/public-key.ts';
import { findHold, type HoldOfTag } from './held-tags.ts';
import { imageReports } from './image-report.ts';
import { failureOfRelease } from './night-failure.ts';
import { publicKeyOf } from './night-members.ts';
import { applyRules } from './night-retention.ts';
import { inTurn } from './night-turn.ts';
import { memoryAfter, prepareNight, type Prepared } from './prepare-night.ts';
import { publishedReport } from './published-report.ts';
import { releaseImages, type EndedRelease, type NightAccess } from './release-images.ts';

export interface NightRequest extends Omit<NightAccess, 'key' | 'askPassword'> {
  /** A path; the default is milliner.yaml here or in recipes/. */
  set: string | undefined;
  /** Names of recipes that are tried though they are quarantined. */
  retried: readonly string[];
  /** Whether to wait for another night of the set; else it is BUSY. */
  wait: boolean;
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

/**
 * Throws SET_NOT_FOUND, SET_INVALID, KEY_FILE_INVALID, BUSY, what loading recipes and the queue throw. Failures of single
 * recipes are in the report.
 */
export async function runNight(options: RunOptions, request: NightRequest): Promise<Night> {
  const { set } = await readSet(request.set);
  return inTurn(options, set.name, request.wait, async (connection) => {
    // While this one waited, another night may have ended, and the recipes may have been edited.
    const loaded = await loadSet(request.set);
    const key = await requirePemKey(publicKeyOf(loaded), options.signal);
    return nightOf(options, loaded, { ...request, publicKey: key, connection });
  });
}

interface NightRun extends NightRequest {
  publicKey: PublicKey;
  /** Of a queue that machines share; the state's own is opened when there is something to release. */
  connection: Connection | undefined;
}

async function nightOf(options: RunOptions, loaded: LoadedSet, run: NightRun): Promise<Night> {
  const { name } = loaded.set;
  const started = new Date().toISOString();
  const known = await readSetMemory(options.state, name);
  const preparation = { ...run, known, key: run.publicKey };
  // Another set may have some of the recipes: their locks are made by one night after another.
  const prepared = await withStateLock(options, 'night-locks', () =>
    withState(options, (context) => prepareNight(context, loaded, preparation)),
  );
  const memory = memoryAfter(prepared);
  if (!isDeepStrictEqual(memory, known)) await writeSetMemory(options.state, name, memory);
  if (isIdle(prepared)) return idleNight(name, started, prepared);
  const ended = await release(options, loaded, prepared, memory, run);
  return withState(options, (context) => tell(context, loaded, run, started, { ...prepared, memory, ended }));
}

function isIdle({ work: { images, failed, quarantined, skipped }, past }: Prepared): boolean {
  const isUntold = Object.values(past).some(({ untold }) => untold);
  return !isUntold && images.length + failed.length + quarantined.length + skipped.length === 0;
}

/** Nothing is written: a report of a night without events would only hide the others. */
function idleNight(set: string, started: string, { recipes }: Prepared): Night {
  const nothing = { reasons: [], references: [], packages: [], advisories: [], former: [] };
  const images = [...recipes.values()].map(({ recipe, arches }) => {
    return { recipe, arches, outcome: 'unchanged' as const, ...nothing };
  });
  return { report: { version: 1, set, started, finished: new Date().toISOString(), images }, failures: [] };
}

async function release(
  options: RunOptions,
  loaded: LoadedSet,
  { images, past }: Prepared,
  memory: SetMemory,
  run: NightRun,
): Promise<Map<string, EndedRelease>> {
  if (images.length === 0) return new Map();
  const { signal, progress } = options;
  const key = resolve(dirname(loaded.path), loaded.set.key);
  const access = { ...run, key, askPassword: () => run.askPassword(key) };
  const set = { name: loaded.set.name, memory };
  const releaseBy = (connection: Connection) =>
    releaseImages(options, connection, set, images, access, (image, ended) => {
      const before = past[image.image.recipe]?.published;
      const { plainHttp } = run;
      return withState(options, (context) => publishedReport(context, image, ended, { before, plainHttp }));
    });
  if (run.connection) return releaseBy(run.connection);
  const onTrouble = ({ message }: Error) => progress.warn(message);
  return withConnection(options.state, { signal, onTrouble }, releaseBy);
}

async function tell(
  context: StateContext,
  loaded: LoadedSet,
  run: NightRun,
  started: string,
  events: Prepared & { memory: SetMemory; ended: Map<string, EndedRelease> },
): Promise<Night> {
  const { set, path } = loaded;
  const held = await heldTags(context, run, events);
  const images = imageReports({ ...events, held });
  const failures = await applyRules(context, loaded, run.plainHttp, images);
  const input = { version: 1 as const, set: set.name, started, finished: new Date().toISOString(), images };
  const {
    report,
    stored,
    files,
    failures: undelivered,
  } = await sendReports(context, dirname(path), set.reports, input);
  const memory: SetMemory = { ...events.memory };
  for (const [name, { untold, ...rest }] of Object.entries(memory)) if (untold) memory[name] = rest;
  await writeSetMemory(context.state, set.name, memory);
  return { report, stored, files, failures: [...failures, ...undelivered] };
}

async function heldTags(
  context: StateContext,
  { publicKey: key, plainHttp }: NightRun,
  { images, ended }: Pick<Prepared, 'images'> & { ended: Map<string, EndedRelease> },
): Promise<Map<string, HoldOfTag>> {
  const held = new Map<string, HoldOfTag>();
  for (const { recipe, lock } of images) {
    const status = ended.get(recipe.recipe)?.status;
    if (!status || status.report || failureOfRelease(status).code !== 'TAG_HELD') continue;
    try {
      const hold = await findHold(context, recipe, lock.digest, { key, plainHttp });
      if (hold) held.set(recipe.recipe, hold);
    } catch (error) {
      // Then it counts as failed, which is what the queue says of it, too.
      if (!(error instanceof MillinerError) || context.signal?.aborted === true) throw error;
      context.progress.warn(`${recipe.recipe}: whether its tag is held is not known: ${error.message}`);
    }
  }
  return held;
}
