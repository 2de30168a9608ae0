/** The paths that a recipe itself creates in its image. */
import { byteString, type ByteString } from '../../lib/host/paths.ts';
import type { WrongKey } from '../../lib/yaml/yaml-file.ts';
import type { Recipe } from './schema.ts';

const kinds = ['directories', 'symlinks', 'files'] as const;

export type Places = Pick<Recipe, (typeof kinds)[number]>;

/** Without a leading slash, as in trees. */
export function pathsOf(places: Places): Set<ByteString> {
  return new Set(kinds.flatMap((kind) => places[kind].map(({ path }) => byteString(relative(path)))));
}

const relative = (path: string) => path.split('/').filter(Boolean).join('/');

/** Each path may occur once, because it would be unclear which of two is meant. Undefined where all is well. */
export function wrongPlace(places: Places): WrongKey | undefined {
  const seen = new Map<string, (typeof kinds)[number]>();
  for (const kind of kinds) {
    for (const [index, { path }] of places[kind].entries()) {
      const wrong = (text: string) => ({ keys: [kind, index, 'path'], text });
      const before = seen.get(relative(path));
      if (before !== undefined) return wrong(`${before === kind ? 'another entry' : before} has ${path} too`);
      if (relative(path) === '') return wrong('the root directory itself belongs to the packages');
      seen.set(relative(path), kind);
    }
  }
  const files = new Map(places.files.map(({ path }, index) => [relative(path), index]));
  for (const [path, kind] of seen) {
    // Walks up from each path, because a comparison of all pairs would be quadratic.
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const file = files.get(path.slice(0, slash));
      if (file !== undefined)
        return { keys: ['files', file, 'path'], text: `this is a file, and ${kind} has /${path} below it` };
    }
  }
  return undefined;
}
