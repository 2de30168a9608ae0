/** Refuses references of releases that would replace each other. */
import { MillinerError } from '../lib/errors/error.ts';
import { parseReference, showReference } from '../lib/registry/reference.ts';
import type { Release } from './claims.ts';
import { indexReferences, referencesOf } from './release-tags.ts';

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
