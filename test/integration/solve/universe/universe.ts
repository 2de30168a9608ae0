/** Random package universes, the same for the same seed: all that a solver may get wrong, densely packed. */

export const relations = [
  'provides',
  'requires',
  'conflicts',
  'obsoletes',
  'recommends',
  'supplements',
  'suggests',
  'enhances',
] as const;
export type Relation = (typeof relations)[number];

export interface UniversePackage extends Record<Relation, string[]> {
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: 'x86_64' | 'i686' | 'noarch';
  files: string[];
}

interface UniverseRepository {
  name: string;
  priority: number;
  cost: number;
  exclude: string[];
  /** As dnf's includepkgs and module_hotfixes. */
  include?: string[];
  moduleHotfixes?: boolean;
  packages: UniversePackage[];
}

export interface Universe {
  seed: number;
  repositories: UniverseRepository[];
  installed: UniversePackage[];
  install: string[];
  exclude: string[];
  weakDeps: boolean;
  best: boolean;
  /** NAME:STREAM, enabled. */
  modules?: string[];
  /** What dnf takes the system for. */
  platform?: string;
}

/** Numbers from a seed. `below` gives a whole one, `chance` is true with that probability. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  // Mulberry32: small, and good enough to spread choices.
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** Up to `most` of what `make` gives, each following one less likely. */
  some<T>(most: number, probability: number, make: () => T): T[] {
    const made: T[] = [];
    while (made.length < most && this.chance(probability)) made.push(make());
    return made;
  }

  shuffled<T>(values: readonly T[]): T[] {
    return values
      .map((value) => ({ value, key: this.#next() }))
      .toSorted((a, b) => a.key - b.key)
      .map(({ value }) => value);
  }
}

const versions = ['0.9', '1.0', '1.0~rc1', '1.0^git2', '1.1', '1.10', '1.9', '2', '2.0a', '10'];
const releases = ['1', '1', '2', '1.fc43', '10'];

interface Vocabulary {
  names: string[];
  capabilities: string[];
  files: string[];
}

function vocabulary(random: Random): Vocabulary {
  const count = 8 + random.below(40);
  const names = Array.from({ length: count }, (_, index) => `p${index}`);
  const capabilities = Array.from({ length: 2 + random.below(6) }, (_, index) =>
    index % 3 === 0 ? `lib${index}.so.1()(64bit)` : `cap${index}`,
  );
  const files = Array.from({ length: 2 + random.below(5) }, (_, index) =>
    index % 2 === 0 ? `/usr/bin/tool${index}` : `/usr/share/data${index}/file`,
  );
  return { names, capabilities, files };
}

function dependency(random: Random, words: Vocabulary): string {
  const kind = random.below(20);
  if (kind < 2) return random.pick(words.files);
  const name = kind < 7 ? random.pick(words.capabilities) : random.pick(words.names);
  if (kind === 19 && words.names.includes(name)) return `${name}(x86-64)`;
  if (!random.chance(0.3)) return name;
  const epoch = random.chance(0.1) ? '1:' : '';
  return `${name} ${random.pick(['>=', '>=', '>=', '<', '=', '<=', '>'])} ${epoch}${random.pick(versions)}`;
}

function rich(random: Random, words: Vocabulary): string {
  const one = () => dependency(random, words);
  const capability = random.pick(words.capabilities);
  return random.pick([
    () => `(${one()} or ${one()})`,
    () => `(${one()} and ${one()})`,
    () => `(${one()} if ${one()})`,
    () => `(${one()} if ${one()} else ${one()})`,
    () => `(${capability} >= 1.0 with ${capability} < 10)`,
    () => `(${capability} without ${random.pick(words.names)})`,
    () => `(${one()} or (${one()} and ${one()}))`,
    () => `((${one()} or ${one()}) if ${one()})`,
  ])();
}

function requirement(random: Random, words: Vocabulary): string {
  if (random.chance(0.01)) return 'nobody-provides-this';
  return random.chance(0.15) ? rich(random, words) : dependency(random, words);
}

function packageOf(
  random: Random,
  words: Vocabulary,
  name: string,
  arch: UniversePackage['arch'],
): UniversePackage {
  const epoch = random.chance(0.12) ? 1 + random.below(2) : 0;
  const version = random.pick(versions);
  const release = random.pick(releases);
  const evr = `${epoch}:${version}-${release}`;
  const isa = { x86_64: 'x86-64', i686: 'x86-32', noarch: undefined }[arch];
  const capability = () =>
    random.chance(0.6)
      ? `${random.pick(words.capabilities)} = ${random.pick(versions)}`
      : random.pick(words.capabilities);
  return {
    name,
    epoch,
    version,
    release,
    arch,
    provides: [
      `${name} = ${evr}`,
      ...(isa === undefined ? [] : [`${name}(${isa}) = ${evr}`]),
      ...random.some(3, 0.35, capability),
      ...random.some(1, 0.04, () => random.pick(words.files)),
    ],
    requires: random.some(4, 0.55, () => requirement(random, words)),
    conflicts: random.some(2, 0.06, () =>
      random.chance(0.2)
        ? `(${dependency(random, words)} unless ${dependency(random, words)})`
        : dependency(random, words),
    ),
    obsoletes: random.some(2, 0.06, () => `${random.pick(words.names)} < ${random.pick(versions)}`),
    recommends: random.some(2, 0.12, () => requirement(random, words)),
    supplements: random.some(1, 0.08, () => requirement(random, words)),
    suggests: random.some(1, 0.05, () => dependency(random, words)),
    enhances: random.some(1, 0.05, () => dependency(random, words)),
    files: random.some(2, 0.15, () => random.pick(words.files)),
  };
}

function packagesOf(random: Random, words: Vocabulary): UniversePackage[] {
  return words.names.flatMap((name) => {
    const kind = random.below(10);
    const arches: UniversePackage['arch'][] =
      kind < 6 ? ['x86_64'] : kind < 8 ? ['noarch'] : kind < 9 ? ['x86_64', 'i686'] : ['i686'];
    const count = 1 + random.some(2, 0.3, () => 1).length;
    return Array.from({ length: count }, () =>
      arches.map((arch) => packageOf(random, words, name, arch)),
    ).flat();
  });
}

const nevra = ({ name, epoch, version, release, arch }: UniversePackage) =>
  `${name}-${epoch}:${version}-${release}.${arch}`;

function unique(packages: readonly UniversePackage[]): UniversePackage[] {
  return [...new Map(packages.map((one) => [nevra(one), one])).values()];
}

function repositoriesOf(random: Random, packages: readonly UniversePackage[]): UniverseRepository[] {
  const count = 1 + random.below(3);
  const priorities = random.chance(0.3);
  const costs = random.chance(0.3);
  const repositories = Array.from({ length: count }, (_, index) => ({
    name: `r${index}`,
    priority: priorities ? random.pick([10, 99]) : 99,
    cost: costs ? random.pick([500, 1000, 1500]) : 1000,
    exclude: [] as string[],
    packages: [] as UniversePackage[],
  }));
  for (const one of packages) {
    random.pick(repositories).packages.push(one);
    // A mirror of a part: the same NEVRA in two repositories.
    if (count > 1 && random.chance(0.1)) random.pick(repositories).packages.push(one);
  }
  for (const one of repositories) {
    one.packages = unique(one.packages);
    if (random.chance(0.1)) one.exclude.push(random.pick(packages).name);
  }
  return repositories;
}

function word(random: Random, words: Vocabulary, packages: readonly UniversePackage[]): string {
  const one = random.pick(packages);
  const kind = random.below(20);
  if (kind < 12) return one.name;
  if (kind < 13) return `${one.name}-${one.version}`;
  if (kind < 14) return nevra(one);
  if (kind < 15) return `${one.name}.${one.arch}`;
  if (kind < 16) return `${one.name.slice(0, 2)}*`;
  if (kind < 18) return random.pick(words.capabilities);
  if (kind < 19) return random.pick(words.files);
  return `${one.name} >= ${random.pick(versions)}`;
}

export function universeOf(seed: number): Universe {
  const random = new Random(seed);
  const words = vocabulary(random);
  const packages = unique(packagesOf(random, words));
  const repositories = repositoriesOf(random, packages);
  return {
    seed,
    repositories,
    installed: random.chance(0.3) ? baseOf(random, words) : [],
    install: [
      ...new Set([
        word(random, words, packages),
        ...random.some(3, 0.5, () => word(random, words, packages)),
      ]),
    ],
    exclude: random.chance(0.2) ? [random.pick(packages).name] : [],
    weakDeps: random.chance(0.5),
    best: random.chance(0.8),
  };
}

/** What a base image has: complete in itself, so that only what is asked for moves it. */
function baseOf(random: Random, words: Vocabulary): UniversePackage[] {
  return random
    .shuffled(words.names)
    .slice(0, 1 + random.below(4))
    .map((name) => ({
      ...packageOf(random, words, name, 'x86_64'),
      requires: [],
      conflicts: [],
      obsoletes: [],
    }));
}
