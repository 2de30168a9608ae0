/** The lowest base of a chain of recipes, if it is an image or file system that no recipe makes. */
import { existsSync } from 'node:fs';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference } from '../../lib/registry/reference.ts';
import { shownPath } from '../../lib/yaml/mistakes.ts';
import type { YamlFile } from '../../lib/yaml/yaml-file.ts';
import { placeOf } from './recipe-files.ts';
import type { Recipe } from './schema.ts';

export type BaseSource =
  | {
      kind: 'image';
      reference: string;
      /** Paths of public keys, one of which must have signed the base; empty if the recipe accepts it unsigned. */
      keys: string[];
      /** Whether to accept a signature bundle without a reference, which fits any image that the key has signed. */
      unnamed: boolean;
      /** Whether to accept a tag whose signed statement has expired. */
      expired: boolean;
    }
  | {
      kind: 'tar' | 'directory';
      path: string;
      /** The recipe's layer settings: the compression of the layer that is made from it. */
      layers: Recipe['layers'];
    };

/**
 * The source that `from` names; undefined if that is a recipe or absent. Paths are relative to the recipe. Throws
 * REFERENCE_INVALID, RECIPE_INVALID, FILE_OUTSIDE.
 */
export async function baseSourceOf(
  { from, layers }: Recipe,
  file: YamlFile,
): Promise<BaseSource | undefined> {
  if (from === undefined || typeof from === 'string') return undefined;
  const found = async (key: (string | number)[], path: string) => {
    const place = await placeOf(file.path, path);
    if (existsSync(place)) return place;
    throw file.wrong({ keys: ['from', ...key], text: `there is no ${shownPath(place)}` });
  };
  if ('image' in from) {
    const reference = completeReference(from.image);
    parseReference(reference);
    const keys = await Promise.all(from.keys.map((key, index) => found(['keys', index], key)));
    const { unnamed, expired } = from;
    return { kind: 'image', reference, keys, unnamed, expired };
  }
  return 'tar' in from
    ? { kind: 'tar', path: await found(['tar'], from.tar), layers }
    : { kind: 'directory', path: await found(['directory'], from.directory), layers };
}
