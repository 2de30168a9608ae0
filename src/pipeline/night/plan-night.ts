/** Plans a night: what new locks would change, carried to every image. It makes no lock and moves no tag. */
import { dirname, relative } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { failureOf } from '../../lib/errors/wire.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { planImages } from '../../stages/night/plan-images.ts';
import type { Finding, ImagePlan } from '../../stages/night/planned-image.ts';
import { loadSet, type LoadedSet, type SetMember } from '../../stages/recipe/load-set.ts';
import { refuseUnknownRepositories } from '../lock/lock.ts';
import { withSharing } from '../lock/shared-solving.ts';
import type { StateContext } from '../state/context.ts';
import { AdvisoryIndex } from './advisory-index.ts';
import { ArchPlanner } from './arch-planner.ts';
import { BaseTags } from './base-tags.ts';
import { readHeldLock, type HeldLock } from './member-locks.ts';

/** One process solves; more requests than it can answer at once only keep it busy. */
const parallel = 4;

export interface NightPlan extends ImagePlan {
  set: string;
}

export interface PlannedNight {
  plan: NightPlan;
  /** By path of the recipe: NEVRAs that `update: security` may move. */
  vulnerable: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Throws SET_NOT_FOUND, SET_INVALID, and what loading recipes throws; failures of single recipes are in the plan. */
export async function planNight(context: StateContext, given?: string): Promise<NightPlan> {
  const loaded = await loadSet(given);
  const planned = await context.content.lease(() =>
    withSharing(context, (shared) => planSet(shared, loaded)),
  );
  return planned.plan;
}

/** With a context that is shared. */
export async function planSet(context: StateContext, loaded: LoadedSet): Promise<PlannedNight> {
  const { set, members } = loaded;
  refuseUnknownRepositories(
    context,
    members.flatMap(({ chain }) => chain),
  );
  const locks = await readLocks(members);
  const packages = [...locks.values()]
    .flatMap(({ lock }) => Object.values(lock?.arches ?? {}))
    .flatMap((one) => one.packages);
  const advisories = new AdvisoryIndex(context, packages);
  const tags = new BaseTags(context);
  const findings = new Map(
    members.map((member) => [member, emptyFinding(loaded, member, wantedArches(loaded, member))]),
  );
  const vulnerable = new Map(members.map(({ loaded: { path } }) => [path, new Set<string>()]));
  // The solver's repositories and packages are those of one architecture at a time, and of one base after another.
  // A lock has all architectures of its recipe, so one that the set does not build can fail it, too.
  for (const arch of [...new Set(members.flatMap(archesOf))].toSorted()) {
    const planner = new ArchPlanner({ context, arch, advisories, tags, locks, members });
    const wanted = members.filter((member) => archesOf(member).includes(arch));
    for (const level of levelsOf(wanted)) {
      await inParallel(level, parallel, context.signal, (member) =>
        addFinding(planner, member, findings.get(member)!, vulnerable.get(member.loaded.path)!),
      );
    }
  }
  context.progress.step(`${set.name}: planned`);
  return { plan: { set: set.name, ...planImages([...findings.values()]) }, vulnerable };
}

async function readLocks(members: readonly SetMember[]): Promise<Map<string, HeldLock>> {
  const recipes = new Map(members.flatMap(({ chain }) => chain).map((one) => [one.path, one]));
  const locks = new Map<string, HeldLock>();
  for (const [path, loaded] of recipes) locks.set(path, await readHeldLock(loaded));
  return locks;
}

/** Bases before what stands on them; recipes on one base beside each other. */
function levelsOf(members: readonly SetMember[]): SetMember[][] {
  const key = ({ chain }: SetMember) => chain.map(({ path }) => path).join('\0');
  const sorted = members.toSorted((a, b) => a.chain.length - b.chain.length || (key(a) < key(b) ? -1 : 1));
  return [...Map.groupBy(sorted, ({ chain }) => chain.length).values()];
}

function archesOf({ loaded: { recipe } }: SetMember): readonly string[] {
  return recipe.arches ?? [hostArch()];
}

/** Of the recipe's architectures those that the set builds. Throws SET_INVALID if there is none. */
export function wantedArches({ set, path }: LoadedSet, member: SetMember): string[] {
  const { loaded } = member;
  const all = archesOf(member);
  const wanted = all.filter((arch) => set.arches === undefined || set.arches.some((one) => one === arch));
  if (wanted.length > 0) return wanted.toSorted();
  const message = `${path}: arches: ${loaded.recipe.name} is for ${all.join(', ')} alone`;
  throw new MillinerError('SET_INVALID', message, { details: { path, recipe: loaded.recipe.name } });
}

function emptyFinding({ path }: LoadedSet, { loaded, chain }: SetMember, arches: string[]): Finding {
  return {
    recipe: loaded.recipe.name,
    path: relative(dirname(path), loaded.path),
    bases: chain.slice(0, -1).map(({ recipe }) => recipe.name),
    arches,
    isRecipeChanged: false,
    changes: [],
  };
}

/** One recipe's failure does not end the night of the others. */
async function addFinding(
  planner: ArchPlanner,
  member: SetMember,
  finding: Finding,
  vulnerable: Set<string>,
): Promise<void> {
  if (finding.failure) return;
  try {
    const found = await planner.plan(member);
    finding.isRecipeChanged ||= found.isRecipeChanged;
    if (found.changedBase !== undefined) finding.changedBase = found.changedBase;
    if (found.change && finding.arches.includes(planner.arch)) finding.changes.push(found.change);
    for (const nevra of found.vulnerable ?? []) vulnerable.add(nevra);
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code === 'INTERRUPTED') throw error;
    const { code, message, hint } = failureOf(error);
    finding.failure = { code, message, hint, arch: planner.arch };
  }
}
