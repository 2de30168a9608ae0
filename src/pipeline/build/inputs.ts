/** What a transaction runs with: its packages, and the tool root to run in. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { readPackage } from '../../lib/rpm/package.ts';
import { ensureToolRoot } from '../../stages/install/tool-root.ts';
import type { VerifiedPackage } from '../../stages/layer/packages/predict.ts';
import { ownPackages, type LockedPackage } from '../../stages/lock/lock-file.ts';
import type { LockedRecipe } from '../lock/locked-recipe.ts';
import { sayingWhich } from '../packages/error-names.ts';
import { fetchLocked } from '../packages/fetch.ts';
import { checkTrust } from '../packages/verify-signatures.ts';
import type { Context } from '../state/context.ts';

export interface Inputs {
  /** What the recipe adds to its base. */
  packages: VerifiedPackage[];
  tools: VerifiedPackage[];
  toolRoot: string;
}

/** All of it is verified: the tool root is unpacked while signatures are checked, and counts only if they are good. */
export async function gatherInputs(
  context: Context,
  { locked: { loaded, answer }, arch }: { locked: LockedRecipe; arch: string },
  workDirectory: string,
): Promise<Inputs> {
  const own = ownPackages(answer);
  const locked = Array.isArray(answer.tools) ? answer.tools : [];
  const files = await fetchLocked(context, loaded, arch, [...own, ...locked]);
  const trust = Promise.withResolvers<void>();
  // The step that unpacks awaits it, where the build comes that far.
  trust.promise.catch(() => undefined);
  const check = async (signal: AbortSignal) => {
    await checkTrust({ ...context, signal }, workDirectory, loaded, [...own, ...locked], files).then(
      trust.resolve,
      trust.reject,
    );
    await trust.promise;
  };
  let tools: VerifiedPackage[] = [];
  let toolRoot = '/';
  const unpack = async (signal: AbortSignal) => {
    try {
      tools = await readPackages(locked, files);
      toolRoot = await toolRootOf({ ...context, signal }, tools, workDirectory, trust.promise);
    } catch (error) {
      // An unsigned file may be no package at all: the failed signature is the better error.
      await trust.promise;
      throw error;
    }
  };
  await inParallel([check, unpack], 2, context.signal, (work, signal) => work(signal));
  return { packages: await readPackages(own, files), tools, toolRoot };
}

/** None locked: the recipe says `tools: host`. */
async function toolRootOf(
  context: Context,
  packages: VerifiedPackage[],
  workDirectory: string,
  trusted: Promise<void>,
): Promise<string> {
  if (packages.length === 0) return '/';
  const places = { place: join(context.state, 'toolroots'), temporary: join(workDirectory, 'toolroot') };
  const root = await ensureToolRoot(places, packages, { ...context, trusted });
  if (!existsSync(join(root, 'usr/bin/rpm'))) {
    const names = packages.map((one) => one.package.name).join(', ');
    throw new MillinerError('RECIPE_INVALID', `tools: none of the packages has /usr/bin/rpm: ${names}`, {
      hint: 'Name the package rpm among the tools, or leave tools out: the default is rpm.',
    });
  }
  return root;
}

/** A file must be the package that was asked for: an old one, signed in its time, could stand in for its successor. */
async function readPackages(locked: LockedPackage[], files: Map<string, string>): Promise<VerifiedPackage[]> {
  const found: VerifiedPackage[] = [];
  for (const { sha256, nevra, url } of locked) {
    const path = files.get(sha256)!;
    const one = await sayingWhich([{ path, nevra }], () => readPackage(path));
    if (one.nevra !== nevra) {
      throw new MillinerError('PACKAGE_INVALID', `${url}: is ${one.nevra}, not ${nevra}`, {
        hint: "Have the repository's metadata made again (createrepo_c), then lock again.",
        details: { package: nevra, found: one.nevra },
      });
    }
    found.push({ package: one, sha256 });
  }
  return found;
}
