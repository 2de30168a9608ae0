/** The advisories of the repositories of a night, of which each is read once, as far as the packages of the locks go. */
import type { Nevra } from '../../lib/rpm/package.ts';
import type { PlannedAdvisory } from '../../stages/night/planned-image.ts';
import { AdvisoryFilter, type Update } from '../../stages/repo/applicable-advisories.ts';
import type { OpenedRepository } from '../../stages/repo/repository.ts';
import { cvesOf, readUpdateinfo, type Advisory } from '../../stages/repo/updateinfo.ts';
import type { StateContext } from '../state/context.ts';

interface IndexedAdvisory {
  /** Without what only readers need. */
  advisory: Advisory;
  planned: PlannedAdvisory;
}

/** By name and architecture of the packages that they list. */
type Index = ReadonlyMap<string, readonly IndexedAdvisory[]>;

const keyOf = ({ name, arch }: Pick<Nevra, 'name' | 'arch'>) => `${name}.${arch}`;

export class AdvisoryIndex {
  readonly #signal: AbortSignal | undefined;
  readonly #wanted: ReadonlySet<string>;
  readonly #indexes = new Map<string, Promise<Index>>();

  /** @param packages of all locks: advisories for others are left out */
  constructor({ signal }: Pick<StateContext, 'signal'>, packages: Iterable<Pick<Nevra, 'name' | 'arch'>>) {
    this.#signal = signal;
    this.#wanted = new Set(Iterator.from(packages).map(keyOf));
  }

  /** What fixes the updated packages, by the NEVRA of the replaced one. */
  async fixesOf(
    repositories: readonly OpenedRepository[],
    streams: readonly string[],
    updates: readonly (Update & { nevra: string })[],
  ): Promise<Map<string, PlannedAdvisory[]>> {
    const fixes = new Map<string, Map<string, PlannedAdvisory>>();
    const nevras = new Map(updates.map(({ from, nevra }) => [from, nevra]));
    const filter = new AdvisoryFilter(updates, streams);
    const keys = new Set(updates.map(({ from }) => keyOf(from)));
    for (const index of await this.#indexesOf(repositories)) {
      for (const { advisory, planned } of new Set([...keys].flatMap((key) => index.get(key) ?? []))) {
        for (const { installed } of filter.fixesOf(advisory)) {
          const nevra = nevras.get(installed)!;
          const known = fixes.get(nevra) ?? new Map<string, PlannedAdvisory>();
          fixes.set(nevra, known.set(planned.id, planned));
        }
      }
    }
    return new Map([...fixes].map(([nevra, found]) => [nevra, [...found.values()].toSorted(byId)]));
  }

  async #indexesOf(repositories: readonly OpenedRepository[]): Promise<Index[]> {
    const indexes: Index[] = [];
    for (const repository of repositories) {
      const path = repository.kind === 'repomd' ? await repository.updateinfo() : undefined;
      if (path === undefined) continue;
      const reading = this.#indexes.get(path) ?? this.#read(path);
      this.#indexes.set(path, reading);
      indexes.push(await reading);
    }
    return indexes;
  }

  async #read(path: string): Promise<Index> {
    const index = new Map<string, IndexedAdvisory[]>();
    for await (const advisory of readUpdateinfo(path, this.#signal)) {
      const collections = advisory.collections
        .map((one) => ({
          ...one,
          packages: one.packages.filter((listed) => this.#wanted.has(keyOf(listed))),
        }))
        .filter(({ packages }) => packages.length > 0);
      if (collections.length === 0) continue;
      const { id, type, severity, title } = advisory;
      const planned = { id, type, severity, cves: cvesOf(advisory), title };
      const entry = { advisory: { ...advisory, references: [], collections }, planned };
      for (const key of new Set(collections.flatMap(({ packages }) => packages.map(keyOf))))
        index.set(key, [...(index.get(key) ?? []), entry]);
    }
    return index;
  }
}

const byId = (a: PlannedAdvisory, b: PlannedAdvisory) => (a.id < b.id ? -1 : 1);
