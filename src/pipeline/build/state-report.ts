/** Reports every path of an image that is not from its packages, with the reason. */
import { byteString, showBytes, type ByteString } from '../../lib/host/paths.ts';
import { databasePlaces } from '../../lib/rpm/database-path.ts';
import { databaseFile } from '../../lib/rpm/database.ts';
import type { Changed } from '../../stages/layer/diff/changes.ts';
import type { Normalised } from '../../stages/layer/normalize/normalize.ts';
import type { OriginOf } from '../../stages/layer/normalize/origin.ts';
import type { Tree } from '../../stages/layer/tree.ts';
import { pathsOf, type Places } from '../../stages/recipe/placed-paths.ts';
import type { StateEntry } from '../state/image-records.ts';

export interface StateSources {
  /** The tree of the base and the packages alone. */
  below: Tree;
  originOf: OriginOf;
  normalised: Normalised[];
  recipe: Places;
  dbPath: string;
  /** Whether rpm itself has removed or replaced packages of the base. */
  removes: boolean;
}

export function describeState({ paths, deleted }: Changed, sources: StateSources): StateEntry[] {
  const written = pathsOf(sources.recipe);
  const normalised = new Map(sources.normalised.map((one) => [one.path, one.reason]));
  // The database may have been moved from another place, so that one counts too.
  const databases = [sources.dbPath.slice(1), ...databasePlaces].map((place) =>
    byteString(`${place}/${databaseFile}`),
  );
  const database = byteString(sources.dbPath.slice(1));
  const reasonFor = (path: ByteString): Omit<StateEntry, 'path' | 'change'> => {
    if (path === database || path.startsWith(`${database}/`)) return { why: 'rpm' };
    if (written.has(path)) return { why: 'recipe' };
    const reason = normalised.get(`/${showBytes(path)}`);
    if (reason !== undefined) return { why: 'normalised', reason };
    // rpm creates the directories above its database.
    if (database.startsWith(`${path}/`) && !sources.below.has(path)) return { why: 'rpm' };
    return sources.originOf(path) ?? { why: 'unknown' };
  };
  const present = [...paths].map((path) => ({
    path: `/${showBytes(path)}`,
    change: sources.below.has(path) ? ('changed' as const) : ('added' as const),
    ...reasonFor(path),
  }));
  const gone = deleted.map((path) => {
    if (databases.includes(path))
      return { path: `/${showBytes(path)}`, change: 'removed' as const, why: 'rpm' as const };
    const reason = normalised.get(`/${showBytes(path)}`);
    // A scriptlet has deleted what rpm has not. If rpm has removed packages, it could be either.
    const who = sources.removes ? ('unknown' as const) : ('scriptlet' as const);
    const cause = reason === undefined ? { why: who } : { why: 'normalised' as const, reason };
    return { path: `/${showBytes(path)}`, change: 'removed' as const, ...cause };
  });
  return [...present, ...gone];
}
