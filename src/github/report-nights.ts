/**
 * For `github report`, and the end of a night: shows on GitHub what nights have stored. Releases are of every night that
 * is not shown whole; statuses and issues say how the newest one ended. What is there already is not written again.
 */
import type { Failure } from '../lib/errors/wire.ts';
import { publicKeyOf } from '../nightly/night-members.ts';
import type { StateContext } from '../pipeline/state/context.ts';
import { lastNights } from '../pipeline/state/nights.ts';
import { addReportedNight, reportedNights } from '../pipeline/state/reported-nights.ts';
import { readSetMemory } from '../pipeline/state/set-memory.ts';
import { requirePemKey } from '../pipeline/trust/signer-key.ts';
import type { LoadedSet } from '../stages/recipe/load-set.ts';
import type { NightReport } from '../stages/report/night-report.ts';
import { ensureIssues } from './failure-issues.ts';
import { ensureRelease } from './ensure-release.ts';
import type { Github } from './github-api.ts';
import { issuesOf } from './night-issues.ts';
import { commitMissing, pushedCommits, type PushedCommits } from './pushed-commits.ts';
import { ensureStatuses, statusOf } from './recipe-statuses.ts';
import { isPublished, releaseOfImage, type PublishedImage } from './release-of-image.ts';
import { ReportSteps } from './report-steps.ts';

/** What a month of nights could not show is made good; older nights stay untold. */
const maxNights = 31;

export interface ReportSettings {
  /** The server's API. */
  url: string;
  releases: boolean;
  statuses: boolean;
  issues: boolean;
  /** Of issues, besides the one by which they are found. */
  labels: readonly string[];
}

interface ShownRelease {
  recipe: string;
  tag: string;
  url: string;
}

export interface ShownNights {
  repository: string;
  /** When each night began whose releases are whole now. */
  nights: string[];
  releases: ShownRelease[];
  /** Requests that changed something on GitHub. */
  writes: number;
  failures: Failure[];
}

interface Run {
  context: StateContext;
  loaded: LoadedSet;
  github: Github;
  settings: ReportSettings;
  steps: ReportSteps;
  shown: ShownNights;
  pushed: PushedCommits;
}

/** `idle` is the report of a night that stored none, as nothing was to be done. Throws STATE_INVALID, INTERRUPTED. */
export async function reportNights(
  context: StateContext,
  loaded: LoadedSet,
  github: Github,
  { settings, idle }: { settings: ReportSettings; idle?: NightReport | undefined },
): Promise<ShownNights> {
  const steps = new ReportSteps(context.progress, context.signal);
  const { owner, repo } = github.repository;
  const repository = `${owner}/${repo}`;
  const shown = { repository, nights: [], releases: [], writes: 0, failures: steps.failures };
  const stored = await lastNights(context.state, loaded.set.name, maxNights);
  const newest = idle ? await withDigests(context.state, idle) : stored.at(-1);
  if (!newest) return shown;
  const pushed: PushedCommits = { commits: new Map(), missing: [] };
  const run = { context, loaded, github, settings, steps, shown, pushed };
  // Without the commits a release would tag the default branch, and a status would be missing in silence.
  const needsCommits = settings.releases || settings.statuses;
  if (needsCommits && (await findCommits(run))) {
    if (settings.releases) await showReleases(run, stored);
    if (settings.statuses) await showStatuses(run, newest);
  }
  if (settings.issues) await showIssues(run, newest, stored);
  return { ...shown, writes: github.writes };
}

/** A night that had nothing to do does not tell what its tags name; the state knows. */
async function withDigests(state: string, night: NightReport): Promise<NightReport> {
  const memory = await readSetMemory(state, night.set);
  const images = night.images.map((image) => {
    const digest = memory[image.recipe]?.published?.digest;
    return digest === undefined ? image : { ...image, digest };
  });
  return { ...night, images };
}

async function findCommits({ steps, pushed, github, loaded, context }: Run): Promise<boolean> {
  return steps.once(async () => {
    Object.assign(pushed, await pushedCommits(github, loaded.members, context.signal));
  });
}

async function showReleases(run: Run, stored: readonly NightReport[]): Promise<void> {
  const { context, loaded, settings, steps, shown } = run;
  const { state, signal } = context;
  const place = `${settings.url}/${shown.repository}`;
  const done = await reportedNights(state, place, loaded.set.name);
  const nights = stored.filter(({ started }) => !done.has(started));
  if (nights.length === 0) return;
  await steps.once(async () => {
    const key = await requirePemKey(publicKeyOf(loaded), signal);
    for (const { started, images } of nights) {
      const release = (image: PublishedImage) => showRelease(run, image, { started, key });
      if (!(await steps.each(images.filter(isPublished), release))) continue;
      await addReportedNight(state, place, loaded.set.name, started);
      shown.nights.push(started);
    }
  });
}

async function showRelease(
  { context, github, shown, pushed }: Run,
  image: PublishedImage,
  at: Omit<Parameters<typeof releaseOfImage>[2], 'commit'>,
): Promise<void> {
  const { recipe } = image;
  context.progress.step(`showing ${recipe} on GitHub`);
  const release = await releaseOfImage(context, image, { ...at, commit: pushed.commits.get(recipe) });
  const url = await ensureRelease(github, release);
  shown.releases.push({ recipe, tag: release.tag, url });
}

async function showStatuses(
  { github, steps, shown, pushed, loaded }: Run,
  night: NightReport,
): Promise<void> {
  const { commits, missing } = pushed;
  if (missing.length > 0) await steps.once(() => Promise.reject(commitMissing(missing)));
  const urls = new Map(shown.releases.map(({ recipe, url }) => [recipe, url]));
  const statuses = night.images.flatMap((image) => {
    const commit = commits.get(image.recipe);
    const url = image.outcome === 'published' ? urls.get(image.recipe) : undefined;
    return commit === undefined ? [] : (statusOf(loaded.set.name, image, { commit, url }) ?? []);
  });
  const byCommit = [...Map.groupBy(statuses, ({ commit }) => commit).values()];
  await steps.each(byCommit, (wanted) => ensureStatuses(github, wanted));
}

async function showIssues(
  { github, settings, steps }: Run,
  night: NightReport,
  stored: readonly NightReport[],
): Promise<void> {
  const former = new Set(stored.flatMap(({ images }) => images.map(({ recipe }) => recipe)));
  await steps.once(async () => ensureIssues(github, await issuesOf(night, former, settings.labels)));
}
