/** Explains how the installed tree differs from the headers of its packages. */
import { byteString } from '../../lib/host/paths.ts';
import type { InstalledTree } from '../../stages/layer/normalize/normalize.ts';
import { isInherited } from '../../stages/layer/packages/packaged.ts';
import type { Difference } from '../../stages/layer/verify/verify-tree.ts';
import { pathsOf } from '../../stages/recipe/placed-paths.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';
import type { BuildReport } from '../state/image-records.ts';

/** Only rpm, its scriptlets and the recipe write to the tree, so any other difference comes from a scriptlet. */
export function explain(
  differences: Difference[],
  recipe: Recipe,
  { tree, parent }: Pick<InstalledTree, 'tree' | 'parent'>,
): BuildReport['verification'] {
  const written = pathsOf(recipe);
  return differences.map((difference) => {
    const path = byteString(difference.path.slice(1));
    if (written.has(path)) return { ...difference, reason: 'written by the recipe' };
    const entry = tree.get(path);
    if (entry && isInherited(entry, parent)) return { ...difference, reason: 'so in the base' };
    if (difference.marker === 'g') return { ...difference, reason: 'a ghost, made by a scriptlet' };
    if (difference.marker === 'c') return { ...difference, reason: 'configuration changed by a scriptlet' };
    return { ...difference, reason: 'changed by a scriptlet or trigger' };
  });
}
