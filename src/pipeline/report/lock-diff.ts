/** lock diff: packages that changed from one lock to the next, with changelog entries and the advisories they fix. */
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { run } from '../../lib/host/exec.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { parseNevra } from '../../lib/rpm/package.ts';
import { parseLock, readLock, type Lock, type LockedPackage } from '../../stages/lock/lock-file.ts';
import type { Replaced } from '../../stages/lock/package-changes.ts';
import { RecipeReader, type LoadedRecipe } from '../../stages/recipe/load.ts';
import { changesOfLocks, type ArchChanges, type SetChanges } from '../lock/lock-changes.ts';
import { newEntries, type ChangelogEntry } from '../packages/changelog.ts';
import { fetchLocked } from '../packages/fetch.ts';
import type { StateContext } from '../state/context.ts';
import { advisoriesOf, type ReportedAdvisory } from './advisories.ts';

interface UpdatedPackage extends Replaced {
  /** Newer than the newest of the old package, newest first; absent where a file of the two is out of reach. */
  changelog?: ChangelogEntry[];
}

export interface ArchDiff {
  packages: Omit<SetChanges, 'updated'> & { updated: UpdatedPackage[] };
  tools: SetChanges;
  /** What the updates fix; absent where no recipe tells whose repositories to ask. */
  advisories?: ReportedAdvisory[];
}

export interface LockDiff {
  locks: [string, string];
  arches: Record<string, ArchDiff>;
}

export interface Side {
  /** Where it was read from, for people. */
  name: string;
  path: string;
  lock: Lock;
}

/**
 * Two lock files, or recipes for theirs; one alone is held against what git's HEAD has of it. Throws LOCK_INVALID,
 * RECIPE_NOT_FOUND, LOCK_NOT_FOUND.
 */
export async function diffLocks(context: StateContext, first: string, second?: string): Promise<LockDiff> {
  const reader = new RecipeReader();
  const now = await sideOf(reader, second ?? first);
  const before = second === undefined ? await committed(now.path) : await sideOf(reader, first);
  const chain = await chainBeside(reader, now.path);
  return context.content.lease(async () => {
    return { locks: [before.name, now.name], arches: await compareLocks(context, before, now, chain) };
  });
}

/** The changes of each architecture. `chain` is that of the recipe, as chainBeside finds it. */
export async function compareLocks(
  context: StateContext,
  before: Side,
  now: Side,
  chain: LoadedRecipe[],
): Promise<LockDiff['arches']> {
  const arches: LockDiff['arches'] = {};
  for (const [arch, changes] of Object.entries(changesOfLocks(before.lock, now.lock))) {
    arches[arch] = await describe({ context, arch, before, now, chain }, changes);
  }
  return arches;
}

/** The recipe that a lock stands beside, with its bases: it tells where its packages are and whose advisories count. */
async function chainBeside(reader: RecipeReader, lockPath: string): Promise<LoadedRecipe[]> {
  const recipe = lockPath.replace(/\.lock\.json$/, '.yaml');
  return recipe !== lockPath && existsSync(recipe) ? reader.chain(recipe) : [];
}

async function sideOf(reader: RecipeReader, given: string): Promise<Side> {
  const path = given.endsWith('.json') ? resolve(given) : (await reader.chain(given)).at(-1)!.lockPath;
  const lock = await readLock(path);
  if (!lock) throw new MillinerError('LOCK_NOT_FOUND', `the lock ${path} does not exist`);
  return { name: given, path, lock };
}

/** Beside the file itself, whose relative URLs it shares. */
async function committed(path: string): Promise<Side> {
  const name = `HEAD:./${basename(path)}`;
  const { exitCode, stdout, stderr } = await run(
    'git',
    // Whichever user owns the checkout: git runs nothing of it to read a blob.
    ['-c', 'safe.directory=*', 'cat-file', 'blob', name],
    { cwd: dirname(path), allow: [0, 128], maxBuffer: maxCommittedBytes },
  );
  if (exitCode !== 0) {
    throw new MillinerError('LOCK_NOT_FOUND', `git has no ${name} in ${dirname(path)}: ${stderr.trim()}`, {
      hint: 'Give two lock files.',
    });
  }
  return { name, path, lock: parseLock(name, stdout) };
}

const maxCommittedBytes = 64 * 1024 * 1024;

interface Comparison {
  context: StateContext;
  arch: string;
  before: Side;
  now: Side;
  chain: LoadedRecipe[];
}

async function describe(comparison: Comparison, { packages, tools }: ArchChanges): Promise<ArchDiff> {
  const updated = await withChangelogs(comparison, packages.updated);
  const advisories = await fixedBy(comparison, packages.updated);
  return { packages: { ...packages, updated }, tools, ...(advisories && { advisories }) };
}

/** Files that are not in the store are fetched; one that cannot be had only costs its changelog. */
async function withChangelogs(comparison: Comparison, updated: Replaced[]): Promise<UpdatedPackage[]> {
  const { context, arch, before, now } = comparison;
  const [old, current] = [before, now].map(({ lock }) => packagesOf(lock, arch));
  return inParallel(updated, parallel, context.signal, async ({ from, to }) => {
    const [a, b] = [old!.get(from)!, current!.get(to)!];
    for (const [one, side] of [
      [a, before],
      [b, now],
    ] as const)
      await bring(comparison, one, side);
    const changelog = await newEntries(context, a.sha256, b.sha256);
    return { from, to, ...(changelog && { changelog }) };
  });
}

const parallel = 6;

async function bring({ context, arch, chain }: Comparison, one: LockedPackage, side: Side): Promise<void> {
  const loaded = chain.at(-1);
  if (!loaded) return;
  try {
    await fetchLocked(context, { ...loaded, lockPath: side.path }, arch, [one]);
  } catch (error) {
    if (!(error instanceof MillinerError) || !outOfReach.has(error.code)) throw error;
    context.progress.warn(`no changelog: ${error.message}`);
  }
}

const outOfReach = new Set(['REPO_UNAVAILABLE', 'DIGEST_MISMATCH', 'OFFLINE_MISSING']);

function packagesOf({ arches }: Lock, arch: string): Map<string, LockedPackage> {
  return new Map((arches[arch]?.packages ?? []).map((one) => [one.nevra, one]));
}

async function fixedBy(
  { context, arch, chain }: Comparison,
  updated: Replaced[],
): Promise<ReportedAdvisory[] | undefined> {
  if (updated.length === 0 || chain.length === 0) return undefined;
  const updates = updated.flatMap(({ from, to }) => {
    const [old, current] = [parseNevra(from), parseNevra(to)];
    return old && current ? [{ from: old, to: current }] : [];
  });
  try {
    return (await advisoriesOf(context, chain, arch, updates)).advisories;
  } catch (error) {
    if (!(error instanceof MillinerError) || !outOfReach.has(error.code)) throw error;
    context.progress.warn(`no advisories: ${error.message}`);
    return undefined;
  }
}
