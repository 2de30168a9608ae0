import { expect, test } from 'vitest';
import type { RpmFile } from '../rpm/files.ts';
import { wantedBy } from './predict.ts';

const file = (lang: string, doc = false) => ({ lang, flags: { doc } }) as RpmFile;

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
  expect(wantedBy({ docs: recipe.docs, languages })(one)).toBe(wanted);
});
