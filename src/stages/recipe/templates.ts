/** Fills the templates of a recipe. */
import { TemplateError } from '../../lib/host/template-error.ts';
import { fillTemplate } from '../../lib/host/template.ts';
import type { MillinerError } from '../../lib/errors/error.ts';
import { mistakesError } from '../../lib/yaml/mistakes.ts';
import { nearest } from '../../lib/yaml/nearest.ts';
import type { Template } from './recipe-files.ts';
import type { Recipe } from './schema.ts';

/** A template as it will be in the image of that architecture. Throws RECIPE_INVALID for a value that the recipe lacks. */
export function renderTemplate(
  { path, text }: Template,
  { values, name, release }: Pick<Recipe, 'values' | 'name' | 'release'>,
  arch: string,
): string {
  try {
    return fillTemplate(text, { ...values, name, release: release ?? '', arch });
  } catch (error) {
    throw error instanceof TemplateError ? wrongTemplate(path, text, error) : error;
  }
}

function wrongTemplate(path: string, text: string, error: TemplateError): MillinerError {
  const { missing, known = [], isOpen, ...place } = error.details;
  const { line = 1, column } = isOpen ? lastBlock(text) : place;
  const source = text.split('\n')[line - 1] ?? '';
  const opening = column ?? Math.max(0, source.indexOf('{{')) + 1;
  const rest = source.slice(opening - 1);
  const [marked = ''] = /^\{\{.*?\}\}+/.exec(rest) ?? [];
  // The library points at the expression, the mark at the name in it.
  const inside = missing === undefined ? 0 : Math.max(0, rest.indexOf(missing));
  const length = missing === undefined ? marked.length || rest.length : missing.length;
  const suggestion = missing === undefined ? undefined : nearest(missing, known);
  const names = known.length > 0 ? `the values here are ${known.join(', ')}` : 'there are no values here';
  const note = missing === undefined || suggestion !== undefined ? undefined : names;
  const spot = { line, column: opening + inside, length: Math.max(1, length), source, key: '' };
  return mistakesError('RECIPE_INVALID', path, [{ ...spot, text: error.message, suggestion, note }], {
    hint: 'Values are given in values: of the recipe; name, release and arch are there without.',
    cause: error,
  });
}

/** The block that has no end is the last that begins, unless it is around others. */
function lastBlock(text: string): { line: number; column: number } {
  const before = text.slice(0, Math.max(0, text.lastIndexOf('{{#'))).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
