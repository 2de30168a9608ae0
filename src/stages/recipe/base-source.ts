/** What lies below all recipes of a chain: an image that none of them makes. */
import { existsSync } from 'node:fs';
import { MillinerError } from '../../lib/errors/error.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference } from '../../lib/registry/reference.ts';
import { placeOf } from './recipe-files.ts';
import type { Recipe } from './schema.ts';

export type BaseSource =
  | {
      kind: 'image';
      reference: string;
      /** Paths of public keys of which one must have signed it; none where the recipe takes it unsigned. */
      keys: string[];
      /** Whether a bundle that names no reference will do: any image that one of the keys has signed. */
      unnamed: boolean;
      /** Whether a tag will do whose statement of what it names has expired. */
      expired: boolean;
    }
  | {
      kind: 'tar' | 'directory';
      path: string;
      /** What the recipe says of layers: how the one that is made of it is compressed. */
      layers: Recipe['layers'];
    };

/**
 * Of `from`, where that names no recipe; paths are relative to the recipe.
 * Throws REFERENCE_INVALID, RECIPE_INVALID, FILE_OUTSIDE.
 */
export async function baseSourceOf(
  { from, layers }: Recipe,
  recipePath: string,
): Promise<BaseSource | undefined> {
  if (from === undefined || typeof from === 'string') return undefined;
  const found = async (key: string, path: string) => {
    const place = await placeOf(recipePath, path);
    if (existsSync(place)) return place;
    throw new MillinerError('RECIPE_INVALID', `${recipePath}: from: ${key}: there is no ${place}`);
  };
  if ('image' in from) {
    const reference = completeReference(from.image);
    parseReference(reference);
    const keys = await Promise.all(from.keys.map((key) => found('keys', key)));
    const { unnamed, expired } = from;
    return { kind: 'image', reference, keys, unnamed, expired };
  }
  return 'tar' in from
    ? { kind: 'tar', path: await found('tar', from.tar), layers }
    : { kind: 'directory', path: await found('directory', from.directory), layers };
}
