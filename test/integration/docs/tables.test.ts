/** The tables of the docs list what the recipe's schema has: no key less, none that is not there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkout } from '../../../spec/places.ts';

interface Schema {
  properties: Record<string, Schema>;
}

const schemaText = readFileSync(join(checkout, 'recipes/recipe.schema.json'), 'utf8');

const { properties } = JSON.parse(schemaText) as Schema;

/** What stands between backticks in the first column, of the tables whose first column has that title. */
function keysIn(page: string, title: string): string[] {
  const tables = readFileSync(join(checkout, page), 'utf8').split(/\n(?!\|)/);
  const rows = tables
    .map((table) => table.split('\n').filter((line) => line.startsWith('|')))
    .filter(([head]) => head?.split('|')[1]?.trim() === title)
    .flatMap((table) => table.slice(2));
  return rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, key]) => key!));
}

const ofTest = properties['test']!.properties;

test.each([
  ['docs/recipes.md', 'key', properties],
  ['docs/booting.md', 'key of test', ofTest],
  ['docs/booting.md', 'limit', ofTest['limits']!.properties],
])('%s, %s', (page, title, has) => {
  expect(keysIn(page, title).toSorted()).toEqual(
    Object.keys(has)
      .filter((key) => key !== '$schema')
      .toSorted(),
  );
});

/** Every key of an object, however deep. */
function keysOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)]);
}

/** In the column of the recipe each piece of code is a key, or keys with values; a name with a dot is a file. */
test('docs/moving.md', () => {
  const known = new Set(keysOf(JSON.parse(schemaText)));
  const rows = readFileSync(join(checkout, 'docs/moving.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '));
  const pieces = rows.flatMap((row) => [...row.split('|')[2]!.matchAll(/`([^`]+)`/g)].map(([, one]) => one!));
  const read = pieces.filter((one) => !/^\w+\.[\w.]+$/.test(one)).map((one) => parse(one) as unknown);
  const top = read.flatMap((one) => (typeof one === 'object' && one ? Object.keys(one) : []));
  expect(top.filter((key) => !(key in properties))).toEqual([]);
  const all = read.flatMap((one) => (typeof one === 'string' ? [one] : keysOf(one)));
  expect(all.length).toBeGreaterThan(25);
  expect(all.filter((key) => !known.has(key))).toEqual([]);
});
