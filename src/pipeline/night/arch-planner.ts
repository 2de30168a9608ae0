/** Plans the recipes of a set for one architecture, each after its base. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { LockedArch } from '../../stages/lock/lock-file.ts';
import type { ArchFinding } from '../../stages/night/planned-image.ts';
import type { SetMember } from '../../stages/recipe/load-set.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import { nameOf, type BaseRecord } from '../state/base-records.ts';
import type { StateContext } from '../state/context.ts';
import type { AdvisoryIndex } from './advisory-index.ts';
import type { BaseTags } from './base-tags.ts';
import { requireFixed, type HeldLock } from './member-locks.ts';
import type { ImageAnswer } from './package-moves.ts';
import { planRecipe } from './plan-recipe.ts';

interface PlannerInput {
  context: StateContext;
  arch: string;
  advisories: AdvisoryIndex;
  tags: BaseTags;
  /** By path of the recipe. */
  locks: ReadonlyMap<string, HeldLock>;
  members: readonly SetMember[];
}

interface MemberFinding {
  isRecipeChanged: boolean;
  changedBase?: string;
  change?: ArchFinding;
  /** NEVRAs that `update: security` may move. */
  vulnerable?: ReadonlySet<string>;
}

/** What a recipe will have; its packages are not known where its base has to be pulled first. */
interface Planned {
  answer: ImageAnswer | undefined;
  /** Its image is made anew, so what stands on it is, too. */
  isTouched: boolean;
  failed?: true;
}

export class ArchPlanner {
  readonly arch: string;
  readonly #input: PlannerInput;
  readonly #planned = new Map<string, Planned>();
  readonly #memberPaths: ReadonlySet<string>;

  constructor(input: PlannerInput) {
    this.arch = input.arch;
    this.#input = input;
    this.#memberPaths = new Set(input.members.map(({ loaded }) => loaded.path));
  }

  /** Its bases that are members come before it. Throws what solving throws. */
  async plan(member: SetMember): Promise<MemberFinding> {
    const { path } = member.loaded;
    // Until it is planned, what stands on it cannot be.
    this.#planned.set(path, { answer: undefined, isTouched: true, failed: true });
    const base = this.#baseOf(member);
    if (base?.failed) return { isRecipeChanged: false };
    const { lock, isOfRecipe } = this.#input.locks.get(path)!;
    const before = lock?.arches[this.arch];
    const isRecipeChanged = !isOfRecipe || !before;
    if (base && !base.answer) {
      this.#planned.set(path, { answer: undefined, isTouched: true });
      return { isRecipeChanged };
    }
    const changedBase = await this.#changedBase(member, before);
    const isFresh = !isRecipeChanged && !base?.isTouched && changedBase.name === undefined;
    const found = {
      isRecipeChanged,
      ...(changedBase.name !== undefined && { changedBase: changedBase.name }),
    };
    // A plan pulls no image: what comes of another base is known once it is locked.
    if (member.loaded.source && !changedBase.image) {
      this.#planned.set(path, { answer: undefined, isTouched: true });
      return found;
    }
    const solved = await planRecipe(this.#input.context, this.#input.advisories, {
      member,
      arch: this.arch,
      before,
      base: base && {
        loaded: member.chain.at(-2)!,
        lock: { arches: { [this.arch]: withoutTools(base.answer!) } },
      },
      image: changedBase.image,
      isFresh,
    });
    const { answer, finding, vulnerable } = solved;
    this.#planned.set(path, { answer, isTouched: !isFresh || answer !== before });
    return { ...found, change: finding, vulnerable };
  }

  #baseOf({ chain }: SetMember): Planned | undefined {
    const base = chain.at(-2);
    if (!base) return undefined;
    const planned = this.#planned.get(base.path);
    if (planned) return planned;
    if (this.#memberPaths.has(base.path)) {
      const message = `${base.path}: arches: the set does not build ${base.recipe.name} for ${this.arch}`;
      throw new MillinerError('SET_INVALID', message);
    }
    return this.#fixed(chain.slice(0, -1));
  }

  /** Of a base that is no member its lock is all there is to know. */
  #fixed(chain: readonly LoadedRecipe[]): Planned {
    const held = chain.map(({ path }) => this.#input.locks.get(path)!);
    const locks = held.map((one, index) => requireFixed(one, held[index - 1]?.lock));
    const answer = locks.at(-1)!.arches[this.arch];
    if (!answer)
      throw new MillinerError('LOCK_STALE', `${chain.at(-1)!.lockPath} has no packages for ${this.arch}`);
    return { answer, isTouched: false };
  }

  /** A base that has changed without this night: a tag of others, or a lock that was made since. */
  async #changedBase(
    { loaded, chain, update }: SetMember,
    before: LockedArch | undefined,
  ): Promise<{ name?: string; image?: BaseRecord }> {
    const { lock } = this.#input.locks.get(loaded.path)!;
    const base = chain.at(-2);
    const baseLock = base && this.#input.locks.get(base.path)!.lock;
    const isStale = lock !== undefined && lock.base?.lock !== baseLock?.digest;
    const name = base && isStale ? base.recipe.name : undefined;
    if (!loaded.source || !before?.image) return { ...(name !== undefined && { name }) };
    const { tags } = this.#input;
    // What stands on another recipe follows that recipe's lock, not the tag; with `update: none` nothing moves by itself.
    const image =
      base || update === 'none'
        ? await tags.locked(loaded.source, this.arch, before.image)
        : await tags.pinned(loaded.source, this.arch, before.image);
    if (image) return { image, ...(name !== undefined && { name }) };
    return { name: name ?? nameOf(loaded.source) };
  }
}

/** The solver asks nothing about a base's tool root. */
function withoutTools(answer: ImageAnswer): LockedArch {
  return { ...answer, tools: [] };
}
