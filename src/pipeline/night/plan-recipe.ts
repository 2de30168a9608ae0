/** Works out what a new lock of one recipe would have for one architecture, and whether that needs to be asked at all. */
import { ownPackages, type LockedArch, type LockedPackage } from '../../stages/lock/lock-file.ts';
import type { ArchFinding, Move, PlannedAdvisory } from '../../stages/night/planned-image.ts';
import type { SetMember } from '../../stages/recipe/load-set.ts';
import { layerCount } from '../lock/layer-plan.ts';
import { solveImage, type SolvedBase } from '../lock/resolve.ts';
import { openChain } from '../report/advisories.ts';
import type { BaseRecord } from '../state/base-records.ts';
import type { StateContext } from '../state/context.ts';
import type { AdvisoryIndex } from './advisory-index.ts';
import {
  hasSamePackages,
  layersOf,
  movesBetween,
  ownMoves,
  updateBytes,
  type ImageAnswer,
} from './package-moves.ts';
import { movesUnder } from './update-policy.ts';

interface PlanInput {
  member: SetMember;
  arch: string;
  /** Of the lock that is there; undefined where it has none for this architecture. */
  before: LockedArch | undefined;
  /** The recipe below with the packages that it will have; undefined for a recipe without one. */
  base: SolvedBase | undefined;
  /** What lies below all recipes, where that is no recipe. */
  image: BaseRecord | undefined;
  /** The recipe, its tools and its base are those of the lock. */
  isFresh: boolean;
}

interface PlannedAnswer {
  answer: ImageAnswer;
  /** NEVRAs that `update: security` may move. */
  vulnerable: ReadonlySet<string>;
  finding: ArchFinding;
}

/** Throws what solving and opening repositories throw. */
export async function planRecipe(
  context: StateContext,
  advisories: AdvisoryIndex,
  input: PlanInput,
): Promise<PlannedAnswer> {
  const { member, arch, before } = input;
  const vulnerable = await vulnerableOf(context, advisories, input);
  const answer = await newAnswer(context, input, vulnerable);
  const moves = before === answer ? [] : movesBetween(before, answer);
  if (moves.length === 0)
    return { answer, vulnerable, finding: { arch, own: [], all: [], bytes: bytesOf(before, answer) } };
  const byNevra = (packages: readonly LockedPackage[] = []) =>
    new Map(packages.map((one) => [one.nevra, one]));
  const [installed, successors] = [byNevra(before?.packages), byNevra(answer.packages)];
  const updates = moves.flatMap(({ from = '', to = '' }) => {
    const [old, current] = [installed.get(from), successors.get(to)];
    return old && current ? [{ nevra: from, from: old, to: current }] : [];
  });
  const repositories = updates.length === 0 ? [] : await openChain(context, member.chain, arch);
  const fixes = await advisories.fixesOf(repositories, streamsOf(member), updates);
  const all = moves.map((move): Move => ({ ...move, advisories: fixes.get(move.from ?? '') ?? [] }));
  const own = ownMoves(all, before, answer);
  return { answer, vulnerable, finding: { arch, own, all, bytes: bytesOf(before, answer) } };
}

function bytesOf(before: LockedArch | undefined, answer: ImageAnswer): number {
  return before === answer ? 0 : updateBytes(before, answer);
}

/** The answer of the lock itself where nothing has changed. */
async function newAnswer(
  context: StateContext,
  input: PlanInput,
  vulnerable: ReadonlySet<string>,
): Promise<ImageAnswer> {
  const { member, arch, before, base, image, isFresh } = input;
  const moves = movesUnder(member, vulnerable);
  if (before && isFresh && moves && cannotChange(before, moves)) return before;
  const solved = await solveImage(context, member.loaded, arch, {
    base,
    image,
    last: moves && before && { answer: before, moves },
  });
  const below = belowOf(base, image, arch);
  const layers = layersOf(member.loaded.recipe, solved.answer, below, before?.layers);
  const answer = { ...solved.answer, layers };
  // The layers of a lock stay while its packages do.
  return before && isFresh && hasSamePackages(before, answer) ? before : answer;
}

/**
 * Proof: the recipe is as it was when the lock was solved, and so are the packages of its base. All own packages are
 * kept, each locked to its version, and none is to be updated. The lock is a solution of that, and the solver changes
 * as few kept packages as possible: none. What repositories have does not matter to it.
 */
function cannotChange(before: LockedArch, moves: (one: LockedPackage) => boolean): boolean {
  return !ownPackages(before).some(moves);
}

/** NEVRAs of the recipe's own packages for which a repository has a security update. */
async function vulnerableOf(
  context: StateContext,
  advisories: AdvisoryIndex,
  { member, arch, before }: PlanInput,
): Promise<Set<string>> {
  if (member.update !== 'security' || !before) return new Set();
  const updates = ownPackages(before).map((one) => ({ nevra: one.nevra, from: one }));
  const fixes = await advisories.fixesOf(
    await openChain(context, member.chain, arch),
    streamsOf(member),
    updates,
  );
  const isSecurity = ({ type }: PlannedAdvisory) => type === 'security';
  return new Set([...fixes].filter(([, found]) => found.some(isSecurity)).map(([nevra]) => nevra));
}

const streamsOf = ({ loaded }: SetMember) => loaded.recipe.modules ?? [];

function belowOf(base: SolvedBase | undefined, image: BaseRecord | undefined, arch: string): number {
  const inherited = base?.lock.arches[arch];
  return inherited ? layerCount(inherited.layers) : (image?.layers.length ?? 0);
}
