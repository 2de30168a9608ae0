/** What an installation is told. */
import type { RpmPackage } from '../../lib/rpm/package.ts';
import type { Tree } from '../../stages/layer/tree.ts';
import type { Ids } from '../../stages/lock/id-ledger.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';

export interface InstallPlan {
  loaded: LoadedRecipe;
  arch: string;
  epoch: number;
  /** What this recipe adds to its base. */
  packages: RpmPackage[];
  /** NEVRAs of the base that this image has, and that it has not. */
  kept: readonly string[];
  removed: readonly string[];
  /** The tree of the base. */
  parent: Tree | undefined;
  dbPath: string;
  /** What users and groups had before. */
  ledger: Ids;
  /** Called when rpm is done: its scriptlets have given every owner a number. */
  onInstalled: () => Promise<void>;
}
