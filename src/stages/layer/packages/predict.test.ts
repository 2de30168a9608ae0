import { expect, test } from 'vitest';
import type { RpmFile } from '../../../lib/rpm/file-list.ts';
import { filesNotInstalled } from './predict.ts';

const file = (lang: string, doc = false, path = 'usr/file', mode = 0o100644) =>
  ({ lang, flags: { doc }, path, mode }) as RpmFile;

test.each([
  ['everything where nothing is left out', { docs: true }, file('de', true), true],
  ['no documentation', { docs: false }, file('', true), false],
  ['a language that is asked for', { docs: true, languages: ['de'] }, file('de'), true],
  // rpm compares as many letters as the file's language has.
  ['a language of which a variant is asked for', { docs: true, languages: ['de_AT'] }, file('de'), true],
  ['a variant where the language is asked for', { docs: true, languages: ['de'] }, file('de_AT'), false],
  ['one of several', { docs: true, languages: ['fr'] }, file('de|fr'), true],
  ['none of several', { docs: true, languages: ['it'] }, file('de|fr'), false],
  ['a file of no language', { docs: true, languages: ['it'] }, file(''), true],
] as const)('%s', (_what, recipe, one, wanted) => {
  const languages = 'languages' in recipe ? [...recipe.languages] : undefined;
  expect(filesNotInstalled([one], { docs: recipe.docs, languages }).has(0)).toBe(!wanted);
});

test('a directory of which nothing is left goes too, one that has something else stays', () => {
  const directory = (path: string) => file('', false, path, 0o040755);
  const files = [
    directory('doc/a'),
    file('', true, 'doc/a/README'),
    directory('doc/b'),
    file('', true, 'doc/b/README'),
    file('', false, 'doc/b/copyright'),
    directory('empty'),
    directory('man'),
    directory('man/de'),
    file('', true, 'man/de/page'),
  ];
  expect([...filesNotInstalled(files, { docs: false })]).toEqual([1, 3, 8, 7, 6, 0]);
});
