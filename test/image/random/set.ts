/** A set of packages for three images, each on the one before: what the first installs, the others add to and replace. */
import { generator, pick, type Random } from '../../mutate/random.ts';
import type { ComposedPackage } from '../../rpm/compose.ts';
import { canonical, randomPackage, randomPlace, type Draw, type Installed, type Place } from './packages.ts';

export const images = ['base', 'middle', 'product'] as const;
export type ImageName = (typeof images)[number];

export interface Generation {
  /** What this image installs: new packages, and new versions of those below. */
  packages: ComposedPackage[];
  /** Names of packages of the images below that it upgrades or obsoletes. */
  replaced: string[];
}

const compressions = ['zstd', 'zstd:chunked', 'gzip'] as const;
const chance = (random: Random, percent: number) => random(100) < percent;

export class RandomSet {
  readonly seed: number;
  readonly compression: (typeof compressions)[number];
  readonly docs: boolean;
  /** Of the base, which may have few. */
  readonly layers: number | undefined;
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

  /** What the next image could install. Not every set is one that rpm installs, so there are others: attempts. */
  draw(image: ImageName, attempt: number): Generation {
    const random = chanceOf(this.seed * 1000 + images.indexOf(image) * 100 + attempt + 1);
    const version = String(images.indexOf(image) + 1);
    let count = this.#count + attempt * 1000;
    const installed = new Map(this.#installed);
    const draw: Draw = { random, place: this.#place, installed, next: () => ++count };
    const packages: ComposedPackage[] = [];
    const replaced: string[] = [];
    const add = (name: string, obsoletes: string[] = []) => {
      const one = randomPackage(draw, name, version, obsoletes);
      for (const gone of obsoletes) installed.delete(gone);
      installed.set(name, one);
      packages.push(one);
    };
    if (image === 'base') add(firstName);
    else {
      replaced.push(...[...installed.keys()].filter(() => chance(random, 40)));
      const obsoleted = replaced.filter((name) => name !== firstName && chance(random, 30));
      for (const name of replaced) if (!obsoleted.includes(name)) add(name);
      for (const name of obsoleted) add(newName(random, ++count), [name]);
    }
    for (let more = 1 + random(2); more > 0; more--) add(newName(random, ++count));
    return { packages, replaced };
  }

  /** Tells that rpm has installed it. Gives whether a package has a path, which no normalisation may then take. */
  accept({ packages }: Generation): (path: string) => boolean {
    const installed = new Map(this.#installed);
    for (const one of packages) {
      for (const name of one.obsoletes) installed.delete(name);
      installed.set(one.name, one);
    }
    this.#installed = installed;
    this.#count += 100_000;
    const files = [...installed.values()].flatMap((one) => one.files);
    const paths = new Set(files.map(({ path }) => canonical(this.#place, path)));
    return (path) => paths.has(path);
  }
}

/** The package that makes the user whom others' files belong to. */
const firstName = 'first';
/** By its first letter a package stands anywhere in the order of names, which decides who has a path. */
const newName = (random: Random, number: number) => `${pick(random, ['a', 'k', 'z'])}${number}`;

/** The first numbers of near seeds are near. */
function chanceOf(seed: number): Random {
  const random = generator(seed);
  for (let time = 0; time < 20; time++) random(2);
  return random;
}
