/** The references that a release is published as: templates of the command line or the recipe, filled in. */
import { MillinerError } from '../lib/errors/error.ts';
import { fillTemplate } from '../lib/host/template.ts';
import { parseReference, showReference } from '../lib/registry/reference.ts';
import type { Recipe } from '../stages/recipe/schema.ts';
import type { Release } from './claims.ts';
import { indexReferences, referencesOf } from './release-tags.ts';

/** Fills in the templates of the command line, or else the repositories and tags of the recipe. */
export function fillReferences(recipe: Recipe, path: string, given: readonly string[]): string[] {
  const { publish } = recipe;
  const own = publish?.to.flatMap((place) => publish.tags.map((tag) => `${place}:${tag}`)) ?? [];
  const templates = given.length > 0 ? given : own;
  if (templates.length === 0) {
    throw new MillinerError('USAGE', `${path} does not say where to publish the image`, {
      hint: 'Give --to HOST/REPOSITORY:TAG, or publish: {to, tags} in the recipe.',
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

/** Refuses a tag that would name both an image and the index of all architectures. */
export function refuseTwofold(recipe: string, release: Parameters<typeof indexReferences>[0]): void {
  const canonical = (text: string) => showReference(parseReference(text));
  const indexes = new Set(indexReferences(release).map(canonical));
  const own = release.arches.flatMap((arch) => referencesOf(release, arch)).map(canonical);
  const twofold = own.find((reference) => indexes.has(reference));
  if (twofold === undefined) return;
  throw new MillinerError(
    'USAGE',
    `${twofold} would name both one image of ${recipe} and the index of all its architectures`,
    { hint: 'Give the index another tag.' },
  );
}

/** Refuses a tag of two recipes. */
export function refuseShared(releases: Pick<Release, 'recipe' | 'to'>[]): void {
  const seen = new Map<string, string>();
  for (const { recipe, to } of releases) {
    for (const text of to) {
      const reference = showReference(parseReference(text.replaceAll('{{arch}}', 'arch')));
      const other = seen.get(reference);
      seen.set(reference, recipe);
      if (other === undefined || other === recipe) continue;
      throw new MillinerError('USAGE', `${text} would name both ${other} and ${recipe}`, {
        hint: 'Write {{name}} into --to, as in HOST/{{name}}:TAG.',
      });
    }
  }
}
