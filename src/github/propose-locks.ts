/** The locks that a night would make, as proposals: nothing is written beside the recipes. */
import { MillinerError } from '../lib/errors/error.ts';
import { failureOf, type Failure } from '../lib/errors/wire.ts';
import { changesSince, type Changes } from '../nightly/changes-since.ts';
import { computeLock } from '../pipeline/lock/lock.ts';
import { afterPlanning, withSharing } from '../pipeline/lock/shared-solving.ts';
import { planSet, type PlannedNight } from '../pipeline/night/plan-night.ts';
import { movesUnder } from '../pipeline/night/update-policy.ts';
import { withSnapshots, type Context, type StateContext } from '../pipeline/state/context.ts';
import { readLock, type Lock } from '../stages/lock/lock-file.ts';
import type { PlannedImage } from '../stages/night/planned-image.ts';
import type { LoadedSet, SetMember } from '../stages/recipe/load-set.ts';
import type { LoadedRecipe } from '../stages/recipe/load.ts';

/** `security`: only what security advisories fix moves, and what that needs. */
export const proposalKinds = ['lock', 'security'] as const;
export type ProposalKind = (typeof proposalKinds)[number];

/** A recipe of a chain with the lock that it would have. */
interface ProposedLock {
  loaded: LoadedRecipe;
  lock: Lock;
  /** Not the one that is beside the recipe. */
  isProposed: boolean;
}

export interface Proposal {
  kind: ProposalKind;
  member: SetMember;
  image: PlannedImage;
  lock: Lock;
  before: Lock | undefined;
  /** Of the whole image, with changelogs. */
  changes: Changes;
  /** The recipe and those that it stands on, lowest first: each lock names that of its base. */
  chain: ProposedLock[];
}

export interface FailedProposal extends Pick<Failure, 'message' | 'hint'> {
  /** Of the table of errors. */
  code: string;
  recipe: string;
  kind: ProposalKind;
}

export interface Proposals {
  proposals: Proposal[];
  failed: FailedProposal[];
}

/** One recipe's failure does not end the others. Throws INTERRUPTED, DISK_FULL and what else is no recipe's fault. */
export function proposeLocks(context: StateContext, loaded: LoadedSet): Promise<Proposals> {
  return context.content.lease(() =>
    withSharing(context, async (shared) => {
      const all = await planSet(shared, loaded);
      const onlyFixes = withSecurity(loaded);
      const fixes = onlyFixes === loaded ? all : await planSet(shared, onlyFixes);
      return withSnapshots(afterPlanning(shared), async (opened) => {
        const locks = await locksOf(opened, 'lock', loaded, all);
        const security = onlyFixes === loaded ? locks : await locksOf(opened, 'security', onlyFixes, fixes);
        return joined(locks, security);
      });
    }),
  );
}

/** The set as if it let move only what advisories name; the set itself where that is so already. */
function withSecurity(loaded: LoadedSet): LoadedSet {
  if (loaded.members.every(({ update }) => update !== 'all')) return loaded;
  const members = loaded.members.map((one) =>
    one.update === 'all' ? { ...one, update: 'security' as const } : one,
  );
  return { ...loaded, members };
}

const isFix = ({ image }: Proposal) => image.advisories.some(({ type }) => type === 'security');

/** A fix is proposed by itself, and the rest where it is more than that. */
function joined(locks: Proposals, security: Proposals): Proposals {
  const fixes = security.proposals
    .filter((one) => isFix(one))
    .map((one) => ({ ...one, kind: 'security' as const }));
  const fixedBy = new Map(fixes.map(({ image, lock }) => [image.recipe, lock.digest]));
  const rest = locks.proposals.filter(({ image, lock }) => fixedBy.get(image.recipe) !== lock.digest);
  // A recipe that cannot be locked at all fails in both.
  const known = new Set(locks.failed.map(({ recipe }) => recipe));
  const failed = [...locks.failed, ...security.failed.filter(({ recipe }) => !known.has(recipe))];
  return { proposals: [...fixes, ...rest], failed };
}

async function locksOf(
  context: Context,
  kind: ProposalKind,
  { members }: LoadedSet,
  { plan, vulnerable }: PlannedNight,
): Promise<Proposals> {
  const proposals = new Map<string, Proposal>();
  const failed: FailedProposal[] = plan.failed.map((one) => ({ ...one, kind }));
  const byName = new Map(members.map((one) => [one.loaded.recipe.name, one]));
  for (const image of plan.images) {
    const member = byName.get(image.recipe)!;
    const fails = failed.find(({ recipe }) => image.bases.includes(recipe));
    if (fails) continue;
    try {
      const moves = movesUnder(member, vulnerable.get(member.loaded.path) ?? new Set());
      const proposal = await proposeLock(context, { kind, member, image }, proposals, moves);
      if (proposal.lock.digest !== proposal.before?.digest) proposals.set(image.recipe, proposal);
    } catch (error) {
      if (!(error instanceof MillinerError) || isForAll(context, error)) throw error;
      failed.push({ recipe: image.recipe, kind, ...failureOf(error) });
    }
  }
  return { proposals: [...proposals.values()], failed };
}

async function proposeLock(
  context: Context,
  about: Pick<Proposal, 'kind' | 'member' | 'image'>,
  proposals: ReadonlyMap<string, Proposal>,
  moves: ReturnType<typeof movesUnder>,
): Promise<Proposal> {
  const { loaded, chain, update } = about.member;
  const below: ProposedLock[] = [];
  for (const one of chain.slice(0, -1)) {
    const proposed = proposals.get(one.recipe.name)?.lock;
    const lock = proposed ?? (await readLock(one.lockPath));
    if (lock) below.push({ loaded: one, lock, isProposed: proposed !== undefined });
  }
  const before = await readLock(loaded.lockPath);
  const request = { base: below.at(-1), previous: before, moves, followsTag: update !== 'none' };
  const { lock } = await computeLock(context, loaded, request);
  const { member, image } = about;
  const changes = await changesSince(context, { image, recipe: { member }, lock, before });
  return { ...about, lock, before, changes, chain: [...below, { loaded, lock, isProposed: true }] };
}

const isForAll = ({ signal }: Context, { code }: MillinerError) =>
  signal?.aborted === true || code === 'INTERRUPTED' || code === 'DISK_FULL';
