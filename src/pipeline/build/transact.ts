/** Runs the transaction of a build, and checks its outcome before the tree is used. Its database is checked when read. */
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';
import { isNearlyFull } from '../../lib/host/files.ts';
import { byteString } from '../../lib/host/paths.ts';
import { nextStamp } from '../../lib/host/stamp.ts';
import { databaseFile, readInstalledScriptlets } from '../../lib/rpm/database.ts';
import { databaseIn, installedIn } from '../../lib/rpm/image-database.ts';
import { readAccounts, readOwners } from '../../stages/install/accounts.ts';
import { checkAllowed } from '../../stages/install/database-set.ts';
import { makeDeviceNodes, sharedPaths } from '../../stages/install/device-nodes.ts';
import { unknownOwners } from '../../stages/install/owner-check.ts';
import type { Sandbox } from '../../stages/install/sandbox.ts';
import { runsLua, type ScriptedPackage } from '../../stages/install/scriptlet-runs.ts';
import { checkTransaction } from '../../stages/install/transaction-checks.ts';
import {
  makeDatabase,
  emptyLog,
  runTransaction,
  targetFull,
  type TransactionLog,
} from '../../stages/install/transaction.ts';
import type { Context } from '../state/context.ts';
import type { InstallPlan } from './install-plan.ts';

/**
 * Adds warnings for failures that the recipe allows. Throws SCRIPTLET_FAILED, OWNER_UNKNOWN, DATABASE_DIFFERS where
 * the recipe allows a %pre to fail, INSTALL_FAILED, INSTALL_DISK_FULL, DISK_FULL, LIMIT_EXCEEDED.
 */
export async function transact(
  context: Context,
  sandbox: Sandbox,
  plan: InstallPlan,
  warnings: string[],
): Promise<TransactionLog> {
  const { recipe } = plan.loaded;
  const { packages, kept, removed } = plan;
  if (packages.length === 0) {
    if (!hasDatabase(plan)) await makeDatabase(sandbox, plan.dbPath);
    return emptyLog;
  }
  context.progress.step(`installing ${packages.length} packages with rpm`);
  const scripted = await scriptedPackages(sandbox, plan);
  const begun = await nextStamp();
  const log = await runTransaction(sandbox, {
    packages,
    base: { retained: kept, removed },
    installed: () => installedIn(sandbox.target, plan.dbPath),
    scripted,
    dbPath: plan.dbPath,
    arch: plan.arch,
    docs: recipe.docs,
    shared: sandbox.shift && sharedPaths(packages, recipe.docs),
    languages: recipe.languages,
    progress: context.progress,
  });
  context.signal?.throwIfAborted();
  if (sandbox.shift) {
    const { target } = sandbox;
    await makeDeviceNodes({ target, packages, docs: recipe.docs, owners: await readOwners(target) });
  }
  await checkOutcome(sandbox, plan, log, { begun, warnings });
  return log;
}

async function checkOutcome(
  sandbox: Sandbox,
  plan: InstallPlan,
  log: TransactionLog,
  { begun, warnings }: { begun: bigint; warnings: string[] },
): Promise<void> {
  const { target } = sandbox;
  const { packages, kept } = plan;
  const { allow } = plan.loaded.recipe;
  const accounts = await readAccounts(target);
  const hasLua = runsLua(log.scriptlets);
  const owners = await unknownOwners({ ...log, target, packages, accounts, begun, hasLua });
  try {
    warnings.push(...checkTransaction(log, owners, allow, await isNearlyFull(target)));
  } catch (error) {
    if (isCode(error, 'DISK_FULL')) throw targetFull(sandbox, (error as Error).message, { cause: error });
    if (isCode(error, 'INSTALL_FAILED')) {
      const locked = [...kept, ...packages.map(({ nevra }) => nevra)];
      checkAllowed(locked, await installedIn(target, plan.dbPath), allow.scriptlets, [error.message]);
    }
    throw error;
  }
}

const isCode = (error: unknown, code: ErrorCode): error is MillinerError =>
  error instanceof MillinerError && error.code === code;

const hasDatabase = ({ parent, dbPath }: InstallPlan) =>
  parent?.has(byteString(`${dbPath.slice(1)}/${databaseFile}`)) === true;

/** Includes the base's packages: their triggers run, and the scriptlets of those that are replaced. */
async function scriptedPackages({ target }: Sandbox, plan: InstallPlan): Promise<ScriptedPackage[]> {
  const own = plan.packages.map((one) => ({ ...one, isInstalled: false }));
  if (!hasDatabase(plan)) return own;
  const installed = await readInstalledScriptlets(await databaseIn(target, plan.dbPath));
  return [...own, ...installed.map((one) => ({ ...one, isInstalled: true }))];
}
