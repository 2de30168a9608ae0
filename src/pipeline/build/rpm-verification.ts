/** Verifies the installed tree, and explains how it differs from the headers of its packages. */
import { byteString } from '../../lib/host/paths.ts';
import type { InstalledFiles } from '../../lib/rpm/database.ts';
import type { RpmFile } from '../../lib/rpm/file-list.ts';
import { readOwners } from '../../stages/install/accounts.ts';
import type { InstalledTree } from '../../stages/layer/normalize/normalize.ts';
import { fixTimes } from '../../stages/layer/normalize/times.ts';
import { isInherited } from '../../stages/layer/packages/packaged.ts';
import type { EarlyDigests } from '../../stages/layer/verify/early-digests.ts';
import { hashTree, type ContentOf } from '../../stages/layer/verify/hash-tree.ts';
import { verifyTree, type Difference } from '../../stages/layer/verify/verify-tree.ts';
import { pathsOf } from '../../stages/recipe/placed-paths.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';
import type { BuildReport } from '../state/image-records.ts';

export interface VerifiedInstallation {
  contentOf: ContentOf;
  verification: BuildReport['verification'];
}

/**
 * Hashes the tree, gives its files their final times, and compares it with the headers of its packages: from then on
 * the tree is what the image will be.
 */
export async function verifyInstalled(
  installed: InstalledTree,
  packages: readonly InstalledFiles[],
  recipe: Recipe,
  early: EarlyDigests,
): Promise<VerifiedInstallation> {
  const contentOf = await hashTree(installed, early);
  fixTimes(installed, contentOf);
  const owners = await readOwners(installed.root);
  const ownerOf = ({ user, group }: RpmFile) => ({ uid: owners.uid(user), gid: owners.gid(group) });
  const differences = verifyTree({ installed, packages, contentOf, ownerOf });
  return { contentOf, verification: explain(differences, recipe, installed) };
}

/** Only rpm, its scriptlets and the recipe write to the tree, so any other difference comes from a scriptlet. */
function explain(
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
