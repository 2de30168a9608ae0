/** A set of packages for three images, each on the one before: what the first installs, the others add to and replace. */
import { generator, pick, type Random } from '../../../helpers/random.ts';
import { flagBits, type ComposedFile, type ComposedPackage } from '../../../helpers/rpm/compose.ts';
import {
  canonical,
  firstName,
  randomPackage,
  randomPlace,
  type Draw,
  type Installed,
  type Place,
} from './packages.ts';
import { roomIn } from './room.ts';

export const images = ['base', 'middle', 'product'] as const;
export type ImageName = (typeof images)[number];

export interface Generation {
  /** What this image installs: new packages, and new versions of those below. */
  packages: ComposedPackage[];
  /** Names of packages of the images below that it upgrades or obsoletes. */
  replaced: string[];
}

/** When packages say that a path was written; undefined where none carries it, or none that the recipe wants. */
export type TimesOf = (path: string) => number[] | undefined;

/** So many sets are tried for one image. */
export const attempts = 30;

const compressions = ['zstd', 'zstd:chunked', 'gzip'] as const;
const chance = (random: Random, percent: number) => random(100) < percent;

export class RandomSet {
  readonly seed: number;
  readonly compression: (typeof compressions)[number];
  readonly docs: boolean;
  /** Of the base, which may have few. */
  readonly layers: number | undefined;
  /** Of all files that its packages have carried. */
  readonly times = new Set<number>();
  readonly #place: Place;
  #installed: Installed = new Map();
  #count = 0;

  constructor(seed: number) {
    this.seed = seed;
    const random = chanceOf(seed);
    this.compression = compressions[seed % compressions.length]!;
    this.docs = chance(random, 75);
    this.layers = pick(random, [undefined, 4, 5, 7]);
    this.#place = randomPlace(random);
  }

  /**
   * What the next image could install on the tree of the one before. Not every set is one that rpm installs, so there
   * are others: attempts.
   */
  draw(image: ImageName, attempt: number, below?: string): Generation {
    const random = chanceOf(this.seed * 1000 + images.indexOf(image) * 100 + attempt + 1);
    let count = this.#count + attempt * 1000;
    const draw: Draw = {
      random,
      place: this.#place,
      installed: this.#installed,
      changed: new Set(),
      hasRoom: below === undefined ? () => true : roomIn(below),
      version: String(images.indexOf(image) + 1),
      next: () => ++count,
    };
    // Packages without files always fit.
    const isLast = attempt >= attempts / 2;
    if (isLast) draw.hasRoom = () => false;
    const { upgraded, obsoleted } = isLast ? { upgraded: [], obsoleted: [] } : this.#chooseReplaced(random);
    const asked: [name: string, obsoletes: string[]][] = [
      ...(image === 'base' ? [firstName] : upgraded).map((name): [string, string[]] => [name, []]),
      ...obsoleted.map((name): [string, string[]] => [newName(random, ++count), [name]]),
      ...Array.from({ length: 1 + random(2) }, (): [string, string[]] => [newName(random, ++count), []]),
    ];
    const packages: ComposedPackage[] = [];
    for (const [name, obsoletes] of asked) {
      const one = randomPackage(draw, name, obsoletes);
      packages.push(one);
      draw.installed = new Map([...draw.installed, [name, one]]);
    }
    return { packages, replaced: [...upgraded, ...obsoleted] };
  }

  #chooseReplaced(random: Random): { upgraded: string[]; obsoleted: string[] } {
    const replaced = [...this.#installed.keys()].filter(() => chance(random, 40));
    const obsoleted = replaced.filter((name) => name !== firstName && chance(random, 30));
    return { upgraded: replaced.filter((name) => !obsoleted.includes(name)), obsoleted };
  }

  /** Tells that rpm has installed it. */
  accept({ packages }: Generation): TimesOf {
    const installed = new Map(this.#installed);
    for (const one of packages) {
      for (const name of one.obsoletes) installed.delete(name);
      installed.set(one.name, one);
    }
    this.#installed = installed;
    this.#count += 100_000;
    for (const { mtime } of packages.flatMap((one) => one.files)) this.times.add(mtime);
    const isWanted = ({ flags }: ComposedFile) =>
      (flags & flagBits.ghost) === 0 && (this.docs || (flags & flagBits.doc) === 0);
    const files = [...installed.values()].flatMap((one) => one.files.filter(isWanted));
    const times = Map.groupBy(files, ({ path }) => canonical(this.#place, path));
    return (path) => times.get(path)?.map(({ mtime }) => mtime);
  }
}

/** By its first letter a package stands anywhere in the order of names, which decides who has a path. */
const newName = (random: Random, number: number) => `${pick(random, ['a', 'k', 'z'])}${number}`;

/** The first numbers of near seeds are near. */
function chanceOf(seed: number): Random {
  const random = generator(seed);
  for (let time = 0; time < 20; time++) random(2);
  return random;
}
