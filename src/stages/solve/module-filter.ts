/**
 * Which modular packages may be chosen, as in libdnf: those of enabled streams and of default streams, and of streams
 * that these require. Packages of other streams are hidden. So is any package that has, or provides, the name of a
 * package that may be chosen. A stream that requires another module's stream which is not the default needs that stream
 * enabled too. Requirements on the platform count as met, because a recipe's repositories are for one platform.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { archesFor } from '../../lib/host/arch.ts';
import type { ModuleStream, Modules } from '../repo/modules.ts';

/** NAME-EPOCH:VERSION-RELEASE.ARCH; names. */
export interface ModuleFilter {
  shown: readonly string[];
  hidden: readonly string[];
  /** Of packages with these names only the shown ones may be chosen. */
  names: readonly string[];
  /** By package name: the NAME:STREAM to enable for it. */
  offers: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Throws SOLVE_FAILED for a module or stream that does not exist, or cannot be enabled together with another.
 * @param enabled NAME:STREAM
 */
export function moduleFilter(
  all: readonly Modules[],
  enabled: readonly string[],
  arch: string,
): ModuleFilter {
  const streams = buildsFor(
    arch,
    all.flatMap((one) => one.streams),
  );
  const defaults = new Map(all.flatMap((one) => [...one.defaults]));
  const active = new Activation(streams, new Map([...defaults, ...enabled.map(split)]));
  for (const word of enabled) active.enable(...split(word));
  for (const [name, stream] of [...defaults].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    active.tryDefault(name, stream);
  }
  const shown = new Set(active.builds().flatMap(({ artifacts }) => artifacts));
  const hidden = new Set(streams.flatMap(({ artifacts }) => artifacts)).difference(shown);
  const binary = [...shown].filter((nevra) => !/\.(?:no)?src$/.test(nevra));
  return {
    shown: [...shown],
    hidden: [...hidden],
    names: [...new Set(binary.map(nameOf))],
    offers: offersOf(streams, hidden),
  };
}

/** Each stream's builds for that level of x86_64; if it has none, those for the nearest lower level. */
function buildsFor(arch: string, streams: readonly ModuleStream[]): ModuleStream[] {
  const usable = [...archesFor(arch), 'noarch'];
  const builds = Map.groupBy(
    streams.filter((one) => usable.includes(one.arch)),
    ({ name, stream }) => `${name}:${stream}`,
  );
  return [...builds.values()].flatMap((alike) => {
    const best = usable.find((one) => alike.some((build) => build.arch === one));
    return alike.filter((one) => one.arch === best || one.arch === 'noarch');
  });
}

function nameOf(nevra: string): string {
  return nevra.replace(/-\d+:[^-]+-[^-]+$/, '');
}

function offersOf(streams: readonly ModuleStream[], hidden: ReadonlySet<string>): ModuleFilter['offers'] {
  const offers = new Map<string, Set<string>>();
  for (const { name, stream, artifacts } of streams) {
    for (const nevra of artifacts) {
      if (!hidden.has(nevra)) continue;
      const offer = offers.get(nameOf(nevra)) ?? new Set();
      offers.set(nameOf(nevra), offer.add(`${name}:${stream}`));
    }
  }
  return offers;
}

/** Real modules need only a few steps each. */
const maxSteps = 100_000;

class Activation {
  #steps = 0;
  readonly #streams: Map<string, Map<string, ModuleStream[]>>;
  readonly #preferred: ReadonlyMap<string, string>;
  /** Chosen stream by module. */
  #chosen = new Map<string, ModuleStream>();

  /** @param preferred by module: the only stream that others may require of it, the enabled one or the default */
  constructor(streams: readonly ModuleStream[], preferred: ReadonlyMap<string, string>) {
    const byName = Map.groupBy(streams, ({ name }) => name);
    this.#streams = new Map(
      [...byName].map(([name, some]) => [name, Map.groupBy(some, ({ stream }) => stream)]),
    );
    this.#preferred = preferred;
  }

  builds(): ModuleStream[] {
    return [...this.#chosen.values()];
  }

  enable(name: string, stream: string): void {
    const streams = this.#streams.get(name);
    if (!streams) throw failed(`no repository has a module ${name}`);
    if (!streams.has(stream)) {
      throw failed(
        `module ${name} has no stream ${stream}: its streams are ${[...streams.keys()].toSorted().join(', ')}`,
      );
    }
    const chosen = this.#with(name, stream, this.#chosen);
    if (!chosen) {
      const others = this.builds().map((one) => `${one.name}:${one.stream}`);
      throw failed(
        `module ${name}:${stream} cannot be enabled: what it requires is missing, or conflicts with ${others.join(', ')}`,
      );
    }
    this.#chosen = chosen;
  }

  /** The default stream stays hidden if another one is enabled or required, or if its requirements cannot be met. */
  tryDefault(name: string, stream: string): void {
    this.#chosen = this.#with(name, stream, this.#chosen) ?? this.#chosen;
  }

  /** Streams chosen together with this one; undefined if that is impossible. */
  #with(
    name: string,
    stream: string,
    chosen: ReadonlyMap<string, ModuleStream>,
  ): Map<string, ModuleStream> | undefined {
    if (++this.#steps > maxSteps) {
      throw new MillinerError(
        'REPO_INVALID',
        `the requirements of module ${name} are too complex to resolve`,
      );
    }
    const there = chosen.get(name);
    if (there) return there.stream === stream ? new Map(chosen) : undefined;
    for (const build of latestFirst(this.#streams.get(name)?.get(stream) ?? [])) {
      const alternatives =
        build.requires.length > 0 ? build.requires : [new Map<string, readonly string[]>()];
      for (const requires of alternatives) {
        const more = this.#require(requires, new Map(chosen).set(name, build));
        if (more) return more;
      }
    }
    return undefined;
  }

  #require(
    requires: ReadonlyMap<string, readonly string[]>,
    chosen: Map<string, ModuleStream>,
  ): Map<string, ModuleStream> | undefined {
    let all: Map<string, ModuleStream> | undefined = chosen;
    for (const [name, words] of requires) {
      if (name === 'platform') continue;
      const there = all.get(name);
      const streams: string[] = there ? [there.stream] : this.#offered(name);
      const fitting = streams.filter((stream) => fits(stream, words));
      let found: Map<string, ModuleStream> | undefined;
      for (const stream of fitting) found ??= this.#with(name, stream, all);
      if (!found) return undefined;
      all = found;
    }
    return all;
  }

  #offered(name: string): string[] {
    const preferred = this.#preferred.get(name);
    const streams = [...(this.#streams.get(name)?.keys() ?? [])].toSorted();
    return preferred === undefined ? streams : streams.filter((stream) => stream === preferred);
  }
}

function split(word: string): [string, string] {
  const colon = word.indexOf(':');
  return [word.slice(0, colon), word.slice(colon + 1)];
}

function fits(stream: string, words: readonly string[]): boolean {
  if (words.includes(`-${stream}`)) return false;
  const wanted = words.filter((word) => !word.startsWith('-'));
  return wanted.length === 0 || wanted.includes(stream);
}

function latestFirst(builds: readonly ModuleStream[]): ModuleStream[] {
  return builds.toSorted((a, b) => {
    if (a.version !== b.version) return a.version > b.version ? -1 : 1;
    return a.context < b.context ? -1 : 1;
  });
}

function failed(message: string): MillinerError {
  return new MillinerError('SOLVE_FAILED', message);
}
