/** Installs a recipe's packages into a mounted snapshot and prepares the tree for its layers. */
import { showBytes, type ByteString } from '../../lib/host/paths.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { nextStamp } from '../../lib/host/stamp.ts';
import { isInstalledIn, type InstalledFiles, type IsInstalled } from '../../lib/rpm/database.ts';
import { readAccounts, readOwners } from '../../stages/install/accounts.ts';
import { setServices } from '../../stages/install/configure.ts';
import { placesIn } from '../../stages/install/default-filesystems.ts';
import { deviceNodesOf } from '../../stages/install/device-nodes.ts';
import { dnfState } from '../../stages/install/dnf-state.ts';
import { settleIds, type SettledIds } from '../../stages/install/ids.ts';
import { makeMountPoints, removeMountPoints, restoreMountPoints } from '../../stages/install/mount-points.ts';
import { moveIds } from '../../stages/install/move-ids.ts';
import { followRpm } from '../../stages/install/moved-database.ts';
import { placeAll } from '../../stages/install/placing.ts';
import type { Sandbox } from '../../stages/install/sandbox.ts';
import { normalise, type InstalledTree } from '../../stages/layer/normalize/normalize.ts';
import {
  Makers,
  originsOf,
  withRecipe,
  type OriginOf,
  type TransactionHistory,
} from '../../stages/layer/normalize/origin.ts';
import { removePrivateKeys } from '../../stages/layer/normalize/private-keys.ts';
import { packagedFiles, type PackageFiles } from '../../stages/layer/packages/packaged.ts';
import { treeOf, type Tree } from '../../stages/layer/tree.ts';
import { EarlyDigests } from '../../stages/layer/verify/early-digests.ts';
import type { ContentOf } from '../../stages/layer/verify/hash-tree.ts';
import type { Ids } from '../../stages/lock/id-ledger.ts';
import { pathsOf } from '../../stages/recipe/placed-paths.ts';
import { renderTemplate } from '../../stages/recipe/templates.ts';
import { scanSnapshot } from '../../stages/snapshot/snapshotter.ts';
import type { Context } from '../state/context.ts';
import type { BuildReport } from '../state/image-records.ts';
import type { InstallPlan } from './install-plan.ts';
import { verifyInstalled } from './rpm-verification.ts';
import { settleDatabase } from './settled-database.ts';
import { transact } from './transact.ts';

/** The plan with what is known once rpm is done. */
interface InstalledPlan extends InstallPlan {
  /** Files of the base's packages that are still in the image. */
  inherited: PackageFiles[];
}

export interface InstalledImage {
  tree: Tree;
  /** Absolute path of the database that the image's rpm uses. */
  dbPath: string;
  report: Omit<BuildReport, 'state'>;
  contentOf: ContentOf;
  /** Whether rpm has installed a package's file. */
  isInstalled: IsInstalled;
  /** Of the paths that neither base nor packages explain. */
  originOf: OriginOf;
  /** Ids of the users and groups that the base does not have. */
  ids: Ids;
}

export async function installImage(
  context: Context,
  sandbox: Sandbox,
  given: InstallPlan,
): Promise<InstalledImage> {
  const { target } = sandbox;
  const warnings: string[] = [];
  // First, so that a missing template value is reported before the transaction.
  const files = recipeFiles(given);
  const mountPoints = await makeMountPoints(sandbox, given.parent?.keys() ?? []);
  const before = await readAccounts(target);
  const log = await transact(context, sandbox, given, warnings);
  await using early = EarlyDigests.begin(target, given.packages);
  const carried = given.packages.flatMap((one) => one.files);
  const owners = await readOwners(target);
  // Device nodes are in place by now. rpm has left those of the base as they were.
  const nodes = new Set(sandbox.shift && deviceNodesOf(given.packages, true).map(({ path }) => path));
  const isRpms = (path: ByteString) => !nodes.has(path);
  const left = { ...mountPoints, shown: mountPoints.shown.filter(isRpms) };
  await restoreMountPoints(left, {
    from: placesIn(sandbox.directory),
    target,
    files: carried.filter(({ path }) => isRpms(path)),
    owners,
    ids: sandbox.shift?.ids,
  });
  const dbPath = await followRpm(target, given.dbPath, isOwnedBy(given));
  const ids = settleIds(given.ledger, before, await readAccounts(target));
  for (const words of ids.kept) context.progress.step(words);
  const { rows, plan, ...found } = await settle(
    context,
    { ...given, dbPath },
    { target, ids, log, warnings },
  );
  const { originOf, ...cleaned } = await clean(target, plan, log, found.originOf);
  for (const { path, kind, package: maker, during } of cleaned.removedKeys) {
    const who =
      maker === undefined && during !== undefined
        ? `while ${during} was installed`
        : `by a scriptlet of ${maker ?? 'an unknown package'}`;
    warnings.push(`${path} (${kind}) was made ${who} and has been removed`);
  }
  // After the cleaning, which concerns changes by scriptlets. What the recipe writes is intended.
  const { packages, kept, removed } = plan;
  const words = plan.loaded.recipe.packages;
  const state = await dnfState(target, { words, packages, retained: kept, removed });
  const { directories, symlinks } = plan.loaded.recipe;
  const from = await nextStamp();
  await placeAll(target, { directories, symlinks, files: [...state, ...files] });
  // Programs of the image may see it mounted otherwise.
  await early.settled();
  await setServices(sandbox, plan.loaded.recipe.services);
  const to = await nextStamp();
  const placed = pathsOf(plan.loaded.recipe);
  const isCarried = (path: ByteString) => carried.some((file) => file.path === path);
  await removeMountPoints(mountPoints, target, (path) => placed.has(path) || isCarried(path));
  // systemctl has run programs of the image, which are not trusted with what was read.
  const isRun = Object.values(plan.loaded.recipe.services).some((names) => names.length > 0);
  const installedFiles = isRun ? await settleDatabase(target, plan, warnings) : rows;
  const installed = await describe(target, plan);
  const explained = withRecipe(originOf, installed.tree, { from, to });
  context.progress.step('verifying the installed files');
  const { contentOf, verification } = await verifyInstalled(
    installed,
    installedFiles,
    plan.loaded.recipe,
    early,
  );
  for (const warning of warnings) context.progress.warn(warning);
  return {
    tree: installed.tree,
    dbPath: plan.dbPath,
    contentOf,
    isInstalled: isInstalledIn(installedFiles),
    originOf: explained,
    ids: ids.ids,
    report: {
      ...cleaned,
      verification,
      warnings,
      log: log.lines.slice(-maxLogLines).map(({ text }) => text),
    },
  };
}

/** Whether the base or a package has a path. */
function isOwnedBy({ packages, parent }: InstallPlan) {
  const owned = new Set(packages.flatMap(({ files }) => files.map(({ path }) => path)));
  return (path: ByteString) => owned.has(path) || parent?.has(path) === true;
}

interface ToSettle {
  target: string;
  ids: SettledIds;
  log: TransactionHistory;
  warnings: readonly string[];
}

/**
 * Reads the database while layers begin with the final owners. If IDs have to be changed, it changes them first, and
 * returns the origins as they were before: changing an owner would count as a change.
 */
async function settle(context: Context, given: InstallPlan, { target, ids, log, warnings }: ToSettle) {
  const isMoved = ids.kept.length > 0;
  let rows: InstalledFiles[] = [];
  const tasks = [
    async () => {
      rows = await settleDatabase(target, given, warnings);
    },
    ...(isMoved ? [] : [given.onInstalled]),
  ];
  await inParallel(tasks, tasks.length, context.signal, (task) => task());
  const own = new Set(given.packages.map(({ nevra }) => nevra));
  const plan: InstalledPlan = { ...given, inherited: rows.filter(({ nevra }) => !own.has(nevra)) };
  if (!isMoved) return { rows, plan };
  const installed = await describe(target, plan);
  await moveIds(target, installed.tree.values(), ids.moves);
  await plan.onInstalled();
  return { rows, plan, originOf: originsOf(installed, new Makers(installed, log)) };
}

async function clean(
  target: string,
  plan: InstalledPlan,
  course: TransactionHistory,
  found?: OriginOf,
): Promise<Pick<BuildReport, 'removedKeys' | 'normalised'> & Pick<InstalledImage, 'originOf'>> {
  const installed = await describe(target, plan);
  const makers = new Makers(installed, course);
  const originOf = found ?? originsOf(installed, makers);
  const removedKeys = await removePrivateKeys(installed, makers);
  const gone = new Set(removedKeys.map(({ path }) => path));
  for (const path of installed.tree.keys()) if (gone.has(`/${showBytes(path)}`)) installed.tree.delete(path);
  return { originOf, removedKeys, normalised: await normalise(installed) };
}

/** Enough to see what happened. A scriptlet in a loop must not fill the state directory. */
const maxLogLines = 5000;

function recipeFiles({ loaded: { recipe, templates }, arch }: InstallPlan) {
  return recipe.files.map((file) => {
    if (file.template === undefined) return { ...file, content: file.content ?? '' };
    return { ...file, content: renderTemplate(templates.get(file.template)!, recipe, arch) };
  });
}

async function describe(
  root: string,
  { packages, inherited, parent, epoch }: InstalledPlan,
): Promise<InstalledTree> {
  const tree = treeOf(await scanSnapshot(root));
  return { root, tree, parent, epoch, packaged: packagedFiles([...inherited, ...packages], tree) };
}
