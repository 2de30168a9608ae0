/** The references that an image is published as: templates of the command line, of a set or of the recipe, filled in. */
import { MillinerError } from '../../lib/errors/error.ts';
import { fillTemplate } from '../../lib/host/template.ts';
import type { Recipe } from './schema.ts';

/** A recipe, or a stack. */
type Publishable = Pick<Recipe, 'name' | 'publish'> & { release?: Recipe['release'] };

/** Fills in what is given, or else the repositories and tags of the recipe. Throws USAGE, REFERENCE_INVALID. */
export function fillReferences(recipe: Publishable, path: string, given: readonly string[]): string[] {
  const { publish } = recipe;
  const own = publish?.to.flatMap((place) => publish.tags.map((tag) => `${place}:${tag}`)) ?? [];
  const templates = given.length > 0 ? given : own;
  if (templates.length === 0) {
    throw new MillinerError('USAGE', `${path} does not say where to publish it`, {
      hint: 'Give --to HOST/REPOSITORY:TAG, or publish: {to, tags} in the file.',
    });
  }
  const values = {
    name: recipe.name,
    release: recipe.release ?? '',
    date: new Date().toISOString().slice(0, 10).replaceAll('-', ''),
    arch: '{{arch}}',
  };
  return templates.map((text) => {
    try {
      return fillTemplate(text, values);
    } catch (cause) {
      throw new MillinerError('REFERENCE_INVALID', `${text}: ${(cause as Error).message.split('\n')[0]}`, {
        cause,
        hint: 'Use {{name}}, {{release}}, {{date}} and {{arch}} alone.',
      });
    }
  });
}
