/** Who made what no package carries: the scriptlet whose text names it, or the package whose turn it was. */
import { bytesOf, showBytes } from '../../host/paths.ts';
import type { RpmPackage } from '../../rpm/package.ts';
import { isAsPackaged, isInherited } from '../packaged.ts';
import { isDirectory, parentOf, type TreeEntry } from '../tree.ts';
import type { InstalledTree } from './normalise.ts';

export interface Turns {
  /** When each package's turn began, in rpm's order; milliseconds. */
  started: { nevra: string; at: number }[];
  packages: readonly Pick<RpmPackage, 'nevra' | 'scriptlets'>[];
}

export interface Maker {
  package: string;
  /** Such as %post, where it can be told. */
  scriptlet?: string;
}

export interface Origin {
  why: 'ghost' | 'scriptlet' | 'unknown';
  package?: string;
  scriptlet?: string;
}

/** Of everything that neither the base nor a package explains, by path; to be asked before any time is changed. */
export function originsOf(installed: InstalledTree, turns: Turns): Map<string, Origin> {
  const makers = new Makers(turns);
  const origins = new Map<string, Origin>();
  for (const entry of installed.tree.values()) {
    if (isInherited(entry, installed.parent) || isAsPackaged(entry, installed.packaged)) continue;
    const ghost = installed.packaged.get(entry.path)?.find(({ file }) => file.flags.ghost);
    const maker = ghost ? { package: ghost.nevra } : makers.of(entry);
    origins.set(entry.path, { why: ghost ? 'ghost' : maker ? 'scriptlet' : 'unknown', ...maker });
  }
  return origins;
}

export class Makers {
  readonly #started: Turns['started'];
  readonly #scriptlets: { package: string; scriptlet: string; body: string }[];
  readonly #naming = new Map<string, Maker | undefined>();

  constructor({ started, packages }: Turns) {
    this.#started = started;
    this.#scriptlets = packages.flatMap(({ nevra, scriptlets }) =>
      scriptlets.map(({ kind, body }) => ({ package: nevra, scriptlet: `%${kind}`, body })),
    );
  }

  /** The package whose scriptlets alone speak of the path or its directory; else the one in whose turn it was changed. */
  of(entry: TreeEntry): Maker | undefined {
    const path = `/${bytesOf(entry.path).toString('utf8')}`;
    const named = this.#namedBy(path) ?? this.#namedBy(`/${showBytes(parentOf(entry.path))}/`);
    if (named) return named;
    // A directory changes with every name that is put into it, whoever made it.
    if (isDirectory(entry)) return undefined;
    const changed = Number(entry.ctimeNanoseconds / 1_000_000n);
    const turn = this.#started.findLast(({ at }) => at <= changed);
    return turn && { package: turn.nevra };
  }

  #namedBy(words: string): Maker | undefined {
    if (words === '//') return undefined;
    if (!this.#naming.has(words)) this.#naming.set(words, this.#search(words));
    return this.#naming.get(words);
  }

  #search(words: string): Maker | undefined {
    const naming = this.#scriptlets.filter(({ body }) => body.includes(words));
    const [first, ...others] = naming;
    if (!first || others.some((other) => other.package !== first.package)) return undefined;
    return { package: first.package, ...(others.length === 0 && { scriptlet: first.scriptlet }) };
  }
}
