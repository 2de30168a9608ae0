import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { nearest } from '../../lib/yaml/nearest.ts';
import { allKeys, explainKey } from './explain-key.ts';
import { wordedKeys, wordsOfKey } from '../../stages/recipe/key-words.ts';

test('each key of the schema has words, and each words a key', () => {
  expect(wordedKeys.toSorted()).toEqual(allKeys().toSorted());
});

test.each(wordedKeys)('the example of %s is YAML of that key', (key) => {
  const { does, example } = wordsOfKey(key)!;
  expect(does).toMatch(/^[^ ].*\.$/);
  expect(Object.keys(parse(example) as object)).toEqual([key.split('.').at(-1)]);
});

test.each<[string, object]>([
  ['test.ready.timeout', { type: 'a number and a unit, such as 60s', required: false, default: '60s' }],
  ['test.checks.tcp', { type: 'a whole number from 1 to 65535', required: true }],
  ['packages', { type: 'a list of: text', required: false, default: [] }],
  ['name', { required: true, keys: [] }],
])('%s is explained from the schema', (key, expected) => {
  expect(explainKey(key)).toMatchObject(expected);
});

test('a key that is none is told with the nearest', () => {
  expect(explainKey('test.redy')).toBeUndefined();
  expect(nearest('test.redy', allKeys())).toBe('test.ready');
});
