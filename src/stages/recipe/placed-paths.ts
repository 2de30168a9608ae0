/** The paths that a recipe itself creates in its image. */
import { MillinerError } from '../../lib/errors/error.ts';
import { byteString, type ByteString } from '../../lib/host/paths.ts';
import type { Recipe } from './schema.ts';

const kinds = ['directories', 'symlinks', 'files'] as const;

export type Places = Pick<Recipe, (typeof kinds)[number]>;

/** Without a leading slash, as in trees. */
export function pathsOf(places: Places): Set<ByteString> {
  return new Set(kinds.flatMap((kind) => places[kind].map(({ path }) => byteString(relative(path)))));
}

const relative = (path: string) => path.split('/').filter(Boolean).join('/');

/** Each path may occur once, because it would be unclear which of two is meant. Throws RECIPE_INVALID. */
export function checkPlaces(recipePath: string, places: Places): void {
  const seen = new Map<string, string>();
  for (const kind of kinds) {
    for (const { path } of places[kind]) {
      const before = seen.get(relative(path));
      if (before !== undefined) {
        const where = before === kind ? `${kind} has it twice` : `${before} has it too`;
        throw invalid(recipePath, `${kind}: ${path}: ${where}`);
      }
      if (relative(path) === '')
        throw invalid(recipePath, `${kind}: ${path}: the root directory is the packages'`);
      seen.set(relative(path), kind);
    }
  }
  const files = new Map(places.files.map(({ path }) => [relative(path), path]));
  for (const [path, kind] of seen) {
    // Walks up from each path, because a comparison of all pairs would be quadratic.
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const file = files.get(path.slice(0, slash));
      if (file !== undefined) throw invalid(recipePath, `files: ${file}: ${kind} has /${path} below it`);
    }
  }
}

function invalid(recipePath: string, what: string): MillinerError {
  return new MillinerError('RECIPE_INVALID', `${recipePath}: ${what}`);
}
