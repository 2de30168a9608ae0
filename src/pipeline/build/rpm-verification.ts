/** Explains how the installed tree differs from what rpm -V expects. */
import { byteString } from '../../lib/host/paths.ts';
import type { Difference } from '../../stages/install/rpm-verify.ts';
import type { InstalledTree } from '../../stages/layer/normalize/normalize.ts';
import { isAsPackaged, isInherited } from '../../stages/layer/packages/packaged.ts';
import { pathsOf } from '../../stages/recipe/placed-paths.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';
import type { BuildReport } from '../state/image-records.ts';

/** rpm's letters for a file of which only the time has changed. */
const timeAlone = '.......T.';
const mountPoints = /^\/(?:dev|proc|sys)(?:\/|$)/;

/** Only rpm, its scriptlets and the recipe write to the tree, so any other difference comes from a scriptlet. */
export function explain(
  differences: Difference[],
  recipe: Recipe,
  { tree, parent, packaged }: InstalledTree,
): BuildReport['verification'] {
  const isTimeAlone = ({ path, attributes }: Difference) => {
    const entry = tree.get(byteString(path.slice(1)));
    return attributes === timeAlone && entry !== undefined && isAsPackaged(entry, packaged);
  };
  const written = pathsOf(recipe);
  return (
    differences
      // A changed time alone has been reset since.
      .filter((difference) => !mountPoints.test(difference.path) && !isTimeAlone(difference))
      .map((difference) => {
        const path = byteString(difference.path.slice(1));
        if (written.has(path)) return { ...difference, reason: 'written by the recipe' };
        const entry = tree.get(path);
        if (entry && isInherited(entry, parent)) return { ...difference, reason: 'so in the base' };
        if (difference.marker === 'g') return { ...difference, reason: 'a ghost, made by a scriptlet' };
        if (difference.marker === 'c')
          return { ...difference, reason: 'configuration changed by a scriptlet' };
        return { ...difference, reason: 'changed by a scriptlet or trigger' };
      })
  );
}
