/**
 * Finds who made or last changed files of no package: compares the times of changes with the times at which scriptlets
 * ran. A wrong name would be worse than none, so an uncertain origin is reported as unknown.
 */
import { runningAt } from '../../../lib/container/trace.ts';
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

/** Origins of everything that the base does not explain, by path. Call it before any time is changed. */
export function originsOf(installed: InstalledTree, history: TransactionHistory): Map<string, Origin> {
  const makers = new Makers(installed, history);
  const origins = new Map<string, Origin>();
  for (const entry of installed.tree.values()) {
    if (isInherited(entry, installed.parent)) continue;
    const owners = installed.packaged.get(entry.path) ?? [];
    const ghosts = new Set(owners.filter(({ file }) => file.flags.ghost).map(({ nevra }) => nevra));
    const maker = makers.of(entry);
    // Unchanged files of packages are not listed, so one that is has been changed by rpm or a scriptlet.
    if (ghosts.size > 0 && ghosts.size === owners.length) {
      origins.set(entry.path, { why: 'ghost', ...(ghosts.size === 1 && { package: [...ghosts][0]! }) });
    } else origins.set(entry.path, maker ? { why: 'scriptlet', ...maker } : makers.unknown(entry));
  }
  return origins;
}

export class Makers {
  readonly #installed: InstalledTree;
  readonly #course: TransactionHistory;
  readonly #turns: Turn[];

  constructor(installed: InstalledTree, history: TransactionHistory) {
    this.#installed = installed;
    this.#course = history;
    this.#turns = history.isSteady ? packageTurns(installed, history.runs) : [];
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
    // Near the ends of a turn the next package may have begun in the same tick of the clock.
    const turn = isDirectory(entry)
      ? undefined
      : this.#turns.find(({ from, to }) => from < time && time < to);
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
  origins: Map<string, Origin>,
  tree: Tree,
  { from, to }: { from: bigint; to: bigint },
): Map<string, Origin> {
  const all = new Map(origins);
  for (const entry of tree.values()) {
    const isRecipeChange = from <= entry.ctimeNanoseconds && entry.ctimeNanoseconds <= to;
    // The time of a directory only shows that names were added.
    if (isRecipeChange && !(isDirectory(entry) && origins.has(entry.path)))
      all.set(entry.path, { why: 'recipe' });
  }
  return all;
}
