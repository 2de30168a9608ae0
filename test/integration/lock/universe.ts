/** Small worlds of packages, made at random, and what may stand together in them: decided by trying everything. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { dependencyMatches } from '../../../src/lib/rpm/evr.ts';
import { sense, type Dependency } from '../../../src/lib/rpm/dependencies.ts';
import { entry, headerBlob, packageFile } from '../../helpers/rpm/synthesize.ts';
import { headerTags } from '../../../src/lib/rpm/tags.ts';

export interface Version {
  name: string;
  version: number;
  requires: Dependency[];
  conflicts: Dependency[];
  provides: Dependency[];
}

export interface World {
  /** What a first lock can see. */
  before: Version[];
  /** What has come since. */
  since: Version[];
  words: string[];
  /** Which of the locked packages is updated, by number. */
  pick: number;
}

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const newest = 3;

const name = fc.constantFrom(...names);
const versioned = fc.record({
  name,
  flags: fc.constantFrom(sense.equal, sense.greater | sense.equal, sense.less | sense.equal),
  version: fc.integer({ min: 1, max: newest }).map(String),
});
const dependency = fc.oneof(
  { weight: 3, arbitrary: name.map((one): Dependency => ({ name: one, flags: 0, version: '' })) },
  { weight: 2, arbitrary: versioned },
  { weight: 1, arbitrary: fc.constantFrom({ name: 'x', flags: 0, version: '' }) },
);

function versionOf(own: string, version: number): fc.Arbitrary<Version> {
  return fc.record({
    name: fc.constant(own),
    version: fc.constant(version),
    requires: fc.array(dependency, { maxLength: 2 }),
    conflicts: fc.oneof(
      { weight: 4, arbitrary: fc.constant<Dependency[]>([]) },
      fc.array(versioned, { maxLength: 1 }),
    ),
    provides: fc.oneof(
      { weight: 3, arbitrary: fc.constant<Dependency[]>([]) },
      fc.constant<Dependency[]>([{ name: 'x', flags: 0, version: '' }]),
    ),
  });
}

/** The first versions of all names can be seen from the start; of later ones, some. */
export const world: fc.Arbitrary<World> = fc.record({
  before: fc.tuple(...names.map((own) => versionOf(own, 1))).map((all) => [...all]),
  since: fc
    .tuple(...names.flatMap((own) => [2, 3].map((version) => fc.option(versionOf(own, version)))))
    .map((all) => all.filter((one) => one !== null)),
  words: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }),
  pick: fc.nat(),
});

export const fileOf = ({ name: own, version }: Pick<Version, 'name' | 'version'>) =>
  `${own}-${version}-1.x86_64.rpm`;

/** Header and nothing else: enough for a solver. */
export async function writePackages(directory: string, versions: readonly Version[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const one of versions) {
    const self = { name: one.name, flags: sense.equal, version: `${one.version}-1` };
    const header = headerBlob(headerTags.HEADERIMMUTABLE.tag, [
      entry('NAME', one.name),
      entry('VERSION', String(one.version)),
      entry('RELEASE', '1'),
      entry('ARCH', 'x86_64'),
      entry('SOURCERPM', `${one.name}-${one.version}-1.src.rpm`),
      ...dependencies('PROVIDE', [self, ...one.provides]),
      ...dependencies('REQUIRE', one.requires),
      ...dependencies('CONFLICT', one.conflicts),
    ]);
    await writeFile(join(directory, fileOf(one)), packageFile({ header }));
  }
}

function dependencies(stem: 'PROVIDE' | 'REQUIRE' | 'CONFLICT', list: readonly Dependency[]) {
  if (list.length === 0) return [];
  return [
    entry(`${stem}NAME`, ...list.map((one) => one.name)),
    entry(`${stem}FLAGS`, ...list.map((one) => one.flags)),
    entry(`${stem}VERSION`, ...list.map((one) => one.version)),
  ];
}

export type Chosen = ReadonlyMap<string, Version>;

function provides(one: Version, wanted: Dependency): boolean {
  const self = { name: one.name, flags: sense.equal, version: `${one.version}-1` };
  return [self, ...one.provides].some((has) => dependencyMatches(has, wanted));
}

/** Whether these may be installed together, and are all that the words need. */
export function isSound(chosen: Chosen, words: readonly string[]): boolean {
  const all = [...chosen.values()];
  return (
    words.every((word) => chosen.has(word)) &&
    all.every(
      (one) =>
        one.requires.every((wanted) => all.some((other) => provides(other, wanted))) &&
        // A package is no conflict with itself.
        one.conflicts.every((unwanted) => !all.some((other) => other !== one && provides(other, unwanted))),
    )
  );
}

/** What the words lead to; of several that provide one thing all. */
export function reached(chosen: Chosen, words: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const todo = words.flatMap((word) => chosen.get(word) ?? []);
  for (let one = todo.pop(); one; one = todo.pop()) {
    if (seen.has(one.name)) continue;
    seen.add(one.name);
    for (const wanted of one.requires)
      todo.push(...[...chosen.values()].filter((other) => provides(other, wanted)));
  }
  return seen;
}

/** Every sound choice from these versions, one of each name or none. */
export function* soundChoices(versions: readonly Version[], words: readonly string[]): Generator<Chosen> {
  const groups = [...Map.groupBy(versions, (one) => one.name).values()];
  const choose = function* (at: number, chosen: Version[]): Generator<Chosen> {
    const group = groups[at];
    if (!group) {
      const choice = new Map(chosen.map((one) => [one.name, one]));
      if (isSound(choice, words)) yield choice;
      return;
    }
    yield* choose(at + 1, chosen);
    for (const one of group) yield* choose(at + 1, [...chosen, one]);
  };
  yield* choose(0, []);
}
