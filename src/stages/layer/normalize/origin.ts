/**
 * Who made what no package carries, or changed it last: told by the times of changes, held against the times at which
 * scriptlets ran. A wrong name would be worse than none: what is not certain is told as unknown.
 */
import { runningAt } from '../../../lib/container/trace.ts';
import type { OwnedScriptlet, Run } from '../../install/scriptlet-runs.ts';
import { isInherited } from '../packages/packaged.ts';
import { ancestorsOf, isDirectory, type Tree, type TreeEntry } from '../tree.ts';
import type { InstalledTree } from './normalize.ts';
import { packageTurns, type Turn } from './turns.ts';

/** What is known of a transaction's course. */
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
  /** `ghost`: of the package; `scriptlet`: what made it or changed it last. */
  why: 'ghost' | 'scriptlet' | 'unknown' | 'recipe';
  package?: string;
  scriptlet?: string;
  /** The package that was being installed when it was changed last. */
  during?: string;
}

/** Of everything that the base does not explain, by path; to be asked before any time is changed. */
export function originsOf(installed: InstalledTree, history: TransactionHistory): Map<string, Origin> {
  const makers = new Makers(installed, history);
  const origins = new Map<string, Origin>();
  for (const entry of installed.tree.values()) {
    if (isInherited(entry, installed.parent)) continue;
    const owners = installed.packaged.get(entry.path) ?? [];
    const ghosts = new Set(owners.filter(({ file }) => file.flags.ghost).map(({ nevra }) => nevra));
    const maker = makers.of(entry);
    // What is as its package has it needs no maker, unless it differs after all: then rpm or a scriptlet did that.
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
    // A directory that moves takes with it what was made before, under another path.
    const moved = ancestorsOf(entry.path).some((path) => this.#mayHaveMoved(path, run));
    return moved ? undefined : { package: scriptlet.nevra, scriptlet: `%${scriptlet.kind}` };
  }

  unknown(entry: TreeEntry): Origin {
    const time = entry.ctimeNanoseconds;
    // At either end of a turn the next may have begun in the same tick.
    const turn = isDirectory(entry)
      ? undefined
      : this.#turns.find(({ from, to }) => from < time && time < to);
    return { why: 'unknown', ...(turn && { during: turn.nevra }) };
  }

  #runOf(entry: TreeEntry): Run | undefined {
    const run = this.#aloneAt(entry.ctimeNanoseconds);
    if (!run || !isDirectory(entry)) return run;
    // Every name that is put into a directory changes it too, whoever made it or changed its attributes.
    const isMade = run === this.#aloneAt(entry.btimeNanoseconds ?? -1n);
    const mtime = BigInt(entry.mtimeSeconds) * 1_000_000_000n + BigInt(entry.mtimeNanoseconds);
    return isMade || mtime !== entry.ctimeNanoseconds ? run : undefined;
  }

  /** What ran at that time, where nothing ran beside it. */
  #aloneAt(time: bigint): Run | undefined {
    const run = this.#course.isSteady ? runningAt(this.#course.runs, time) : undefined;
    return run?.isAlone ? run : undefined;
  }

  /** A directory that no package, nor rpm on the way to one's files, has put there, touched since by another. */
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

/** A new name changes both times of a directory at once; its own move, like its mode, only one. */
function wasMoved(directory: TreeEntry): boolean {
  const mtime = BigInt(directory.mtimeSeconds) * 1_000_000_000n + BigInt(directory.mtimeNanoseconds);
  return mtime !== directory.ctimeNanoseconds;
}

/** What the recipe itself has changed since the scriptlets ended: its files, and what systemctl made of its services. */
export function withRecipe(
  origins: Map<string, Origin>,
  tree: Tree,
  { from, to }: { from: bigint; to: bigint },
): Map<string, Origin> {
  const all = new Map(origins);
  for (const entry of tree.values()) {
    const isRecipeChange = from <= entry.ctimeNanoseconds && entry.ctimeNanoseconds <= to;
    // A directory's time tells of the names that were put into it.
    if (isRecipeChange && !(isDirectory(entry) && origins.has(entry.path)))
      all.set(entry.path, { why: 'recipe' });
  }
  return all;
}
