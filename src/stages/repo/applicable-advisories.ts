/** Finds the advisories that apply to installed packages, by dnf's rules. */
import { compareEvr, type Evr } from '../../lib/rpm/version-order.ts';
import type { Nevra } from '../../lib/rpm/package.ts';
import type { Advisory, AdvisoryPackage } from './updateinfo.ts';

/** An installed package and its successor; without a successor, any newer version counts. */
export interface Update {
  from: Nevra;
  to?: Nevra | undefined;
}

/** A fix by an advisory for one installed package. */
export interface Fix {
  advisory: Advisory;
  installed: Nevra;
  fixed: AdvisoryPackage;
}

/** A module's stream, as name:stream. */
export type Stream = string;

/**
 * Finds the advisories that apply to these updates. An advisory applies if it lists the package and architecture with a
 * version that is newer than the installed one, and not newer than the successor. Of several versions side by side
 * (kernels) the newest counts, as in `dnf updateinfo --available`. Collections of a module count if its stream is
 * enabled.
 */
export class AdvisoryFilter {
  readonly #updates = new Map<string, Update>();
  readonly #streams: ReadonlySet<Stream>;

  constructor(updates: readonly Update[], streams: readonly Stream[] = []) {
    this.#streams = new Set(streams);
    for (const update of updates) {
      const key = keyOf(update.to ?? update.from);
      const other = this.#updates.get(key);
      if (!other || compareEvr(evrOf(other.from), evrOf(update.from)) < 0) this.#updates.set(key, update);
    }
  }

  fixesOf(advisory: Advisory): Fix[] {
    const fixes = new Map<string, Fix>();
    for (const { module, packages } of advisory.collections) {
      if (module && !this.#streams.has(`${module.name}:${module.stream}`)) continue;
      for (const fixed of packages) {
        const update = this.#updates.get(keyOf(fixed));
        if (!update || !isFix(update, fixed)) continue;
        // Several collections may list the same package.
        fixes.set(JSON.stringify([keyOf(fixed), evrOf(fixed)]), { advisory, installed: update.from, fixed });
      }
    }
    return [...fixes.values()];
  }
}

function isFix({ from, to }: Update, fixed: Nevra): boolean {
  return (
    compareEvr(evrOf(fixed), evrOf(from)) > 0 &&
    (to === undefined || compareEvr(evrOf(fixed), evrOf(to)) <= 0)
  );
}

const keyOf = ({ name, arch }: Nevra) => `${name}.${arch}`;

function evrOf({ epoch, version, release }: Nevra): Evr {
  return { epoch: String(epoch), version, release };
}
