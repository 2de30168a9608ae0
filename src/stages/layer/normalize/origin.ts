/**
 * Finds who made or last changed files of no package: compares the times of changes with the times at which scriptlets
 * ran. A wrong name would be worse than none, so an uncertain origin is reported as unknown.
 */
import { runningAt } from '../../../lib/container/trace.ts';
import type { ByteString } from '../../../lib/host/paths.ts';
import type { OwnedScriptlet, Run } from '../../install/scriptlet-runs.ts';
import { isInherited } from '../packages/packaged.ts';
import { ancestorsOf, isDirectory, type Tree, type TreeEntry } from '../tree.ts';
import type { InstalledTree } from './normalize.ts';
import { packageTurns, type Turn } from './turns.ts';

/** What is known about the transaction. */
export interface TransactionHistory {
  runs: readonly Run[];
  scriptlets: readonly OwnedScriptlet[];
  isSteady: boolean;
}

export interface Maker {
  package: string;
  /** Such as %post. */
  scriptlet: string;
}

export interface Origin {
  /** `ghost`: a ghost of the package; `scriptlet`: made or last changed by it. */
  why: 'ghost' | 'scriptlet' | 'unknown' | 'recipe';
  package?: string;
  scriptlet?: string;
  /** The package that was being installed at the last change. */
  during?: string;
}

/** Why a path is in the image; undefined for what the base explains. Its origin is found when it is asked for. */
export type OriginOf = (path: ByteString) => Origin | undefined;

/** The tree is that of before any time was changed. */
export function originsOf(installed: InstalledTree, makers: Makers): OriginOf {
  return (path) => {
    const entry = installed.tree.get(path);
    if (!entry || isInherited(entry, installed.parent)) return undefined;
    const owners = installed.packaged.get(path) ?? [];
    const ghosts = new Set(owners.filter(({ file }) => file.flags.ghost).map(({ nevra }) => nevra));
    // Unchanged files of packages are not asked for, so one that is has been changed by rpm or a scriptlet.
    if (ghosts.size > 0 && ghosts.size === owners.length)
      return { why: 'ghost', ...(ghosts.size === 1 && { package: [...ghosts][0]! }) };
    const maker = makers.of(entry);
    return maker ? { why: 'scriptlet', ...maker } : makers.unknown(entry);
  };
}

export class Makers {
  readonly #installed: InstalledTree;
  readonly #course: TransactionHistory;
  /** Made when they are needed: most images have nothing of an unknown maker. */
  #turns: Turn[] | undefined;

  constructor(installed: InstalledTree, history: TransactionHistory) {
    this.#installed = installed;
    this.#course = history;
  }

  /** The scriptlet that made or last changed it. */
  of(entry: TreeEntry): Maker | undefined {
    const run = this.#runOf(entry);
    const { scriptlet } = run ?? {};
    if (!run || !scriptlet) return undefined;
    // A directory that was renamed has content that was made earlier, under another path.
    const moved = ancestorsOf(entry.path).some((path) => this.#mayHaveMoved(path, run));
    return moved ? undefined : { package: scriptlet.nevra, scriptlet: `%${scriptlet.kind}` };
  }

  unknown(entry: TreeEntry): Origin {
    const time = entry.ctimeNanoseconds;
    if (isDirectory(entry)) return { why: 'unknown' };
    this.#turns ??= this.#course.isSteady ? packageTurns(this.#installed, this.#course.runs) : [];
    // Near the ends of a turn the next package may have begun in the same tick of the clock.
    const turn = this.#turns.find(({ from, to }) => from < time && time < to);
    return { why: 'unknown', ...(turn && { during: turn.nevra }) };
  }

  #runOf(entry: TreeEntry): Run | undefined {
    const run = this.#aloneAt(entry.ctimeNanoseconds);
    if (!run || !isDirectory(entry)) return run;
    // Each new name changes its directory too, so only the time of creation tells who made a directory.
    const isMade = run === this.#aloneAt(entry.btimeNanoseconds ?? -1n);
    const mtime = BigInt(entry.mtimeSeconds) * 1_000_000_000n + BigInt(entry.mtimeNanoseconds);
    return isMade || mtime !== entry.ctimeNanoseconds ? run : undefined;
  }

  /** The only program that ran at that time. */
  #aloneAt(time: bigint): Run | undefined {
    const run = this.#course.isSteady ? runningAt(this.#course.runs, time) : undefined;
    return run?.isAlone ? run : undefined;
  }

  /**
   * Whether a directory may have been renamed: no package contains it, rpm did not make it for a file, and another
   * program has changed it since.
   */
  #mayHaveMoved(path: TreeEntry['path'], run: Run): boolean {
    const { tree, parent, packaged } = this.#installed;
    const directory = tree.get(path);
    if (!directory || path === '') return false;
    const made = directory.btimeNanoseconds;
    const isOwnChange =
      packaged.get(path)?.some(({ file }) => !file.flags.ghost) ||
      parent?.has(path) ||
      (made !== undefined && runningAt(this.#course.runs, made) === undefined);
    const changed = directory.ctimeNanoseconds;
    if (isOwnChange && !wasMoved(directory)) return false;
    return changed > run.end;
  }
}

/** A new name changes both times of a directory together; a rename or chmod of the directory changes only one. */
function wasMoved(directory: TreeEntry): boolean {
  const mtime = BigInt(directory.mtimeSeconds) * 1_000_000_000n + BigInt(directory.mtimeNanoseconds);
  return mtime !== directory.ctimeNanoseconds;
}

/** Adds what the recipe changed after the scriptlets: its own files, and changes of systemctl for its services. */
export function withRecipe(
  originOf: OriginOf,
  tree: Tree,
  { from, to }: { from: bigint; to: bigint },
): OriginOf {
  const changed = new Map<ByteString, TreeEntry>();
  for (const entry of tree.values())
    if (from <= entry.ctimeNanoseconds && entry.ctimeNanoseconds <= to) changed.set(entry.path, entry);
  return (path) => {
    const origin = originOf(path);
    const entry = changed.get(path);
    // The time of a directory only shows that names were added.
    return entry && !(isDirectory(entry) && origin) ? { why: 'recipe' } : origin;
  };
}
