/** The input of an installation. */
import type { RpmPackage } from '../../lib/rpm/package.ts';
import type { Tree } from '../../stages/layer/tree.ts';
import type { Ids } from '../../stages/lock/id-ledger.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';

export interface InstallPlan {
  loaded: LoadedRecipe;
  arch: string;
  epoch: number;
  /** Packages that this recipe adds to its base. */
  packages: RpmPackage[];
  /** NEVRAs of the base's packages that stay in this image, and of those that are removed. */
  kept: readonly string[];
  removed: readonly string[];
  /** The tree of the base. */
  parent: Tree | undefined;
  dbPath: string;
  /** Ids of users and groups in earlier builds. */
  ledger: Ids;
  /** Called when rpm is done: every owner then has a number. */
  onInstalled: () => Promise<void>;
}
