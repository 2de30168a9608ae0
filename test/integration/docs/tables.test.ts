/** The tables of the docs list what the recipe's schema has: no key less, none that is not there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../../spec/places.ts';

interface Schema {
  properties: Record<string, Schema>;
}

const { properties } = JSON.parse(
  readFileSync(join(checkout, 'recipes/recipe.schema.json'), 'utf8'),
) as Schema;

/** What stands between backticks in the first column of its table. */
const keysIn = (page: string): string[] =>
  readFileSync(join(checkout, page), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...line.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, key]) => key!));

test.each([
  ['docs/recipes.md', properties],
  ['docs/booting.md', properties['test']!.properties],
])('%s', (page, has) => {
  expect(keysIn(page).toSorted()).toEqual(
    Object.keys(has)
      .filter((key) => key !== '$schema')
      .toSorted(),
  );
});
