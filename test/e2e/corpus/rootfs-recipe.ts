/** A recipe for exactly the packages of a set, from the repositories in which they lie. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { MillinerError } from '../../../src/lib/errors/error.ts';
import { hostArch } from '../../../src/lib/host/arch.ts';
import { nevraText } from '../../../src/lib/rpm/package.ts';
import type { Corpus } from './outcome.ts';
import type { Found } from './packages.ts';

interface Allow {
  scriptlets: string[];
  owners: string[];
  unsigned: string[];
}

/** The host's rpm installs, as it did for the truth. Gives the recipe's path. */
export async function writeRecipe(corpus: Corpus, stem: string, places: readonly Found[]): Promise<string> {
  const name = basename(stem)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  const keys = corpus.files.filter((file) => /(?:^|\/)_keys\/[^/]+$/.test(file));
  const isSigned = ({ pkg }: Found) => pkg.signatures.kind !== 'none';
  const repos = [...Map.groupBy(places, ({ repository }) => repository)].map(([baseurl, members], index) => ({
    name: `corpus-${index}`,
    baseurl,
    ...(members.some(isSigned)
      ? { keys: keys.map((file) => join(corpus.directory, file)) }
      : { gpgcheck: false }),
    // Another repository stands in for these.
    exclude: places.filter(({ repository }) => repository !== baseurl).map(({ pkg }) => pkg.name),
  }));
  const allow: Allow = {
    scriptlets: [],
    owners: [],
    unsigned: places.filter((one) => !isSigned(one)).map(({ pkg }) => pkg.name),
  };
  const recipe = {
    name,
    arches: [hostArch()],
    repos,
    packages: places.map(({ pkg }) => nevraText(pkg)),
    tools: 'host',
    allow,
  };
  const path = join(corpus.work, `${name}.yaml`);
  await writeFile(path, JSON.stringify(recipe, undefined, 2));
  return path;
}

/** Adds to the recipe what the error names; false where the error is of another kind, or all of it is there already. */
export async function allowing(path: string, error: MillinerError): Promise<boolean> {
  const recipe = JSON.parse(await readFile(path, 'utf8')) as { allow: Allow };
  const before = JSON.stringify(recipe);
  const { failures = [], owners = [] } = (error.details ?? {}) as {
    failures?: { scriptlet: string; package: string }[];
    owners?: { name: string }[];
  };
  for (const { scriptlet, package: nevra } of failures) {
    recipe.allow.scriptlets.push(`${scriptlet}(${nevra.replace(/-[^-]+-[^-]+$/, '')})`);
  }
  for (const { name } of owners) recipe.allow.owners.push(name);
  recipe.allow.scriptlets = [...new Set(recipe.allow.scriptlets)];
  recipe.allow.owners = [...new Set(recipe.allow.owners)];
  const after = JSON.stringify(recipe);
  await writeFile(path, after);
  return after !== before;
}
