/** What a transaction runs with: its packages, and the tool root to run in. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import type { VerifiedPackage } from '../../stages/layer/packages/predict.ts';
import { ownPackages, type LockedPackage } from '../../stages/lock/lock-file.ts';
import type { LockedRecipe } from '../lock/locked-recipe.ts';
import { ArrivingPackages } from '../packages/arriving.ts';
import { checkTrust } from '../packages/verify-signatures.ts';
import type { Context } from '../state/context.ts';
import { ensureToolRoot } from './tool-root.ts';

export interface Inputs {
  /** What the recipe adds to its base, once its packages are fetched. Not verified yet. */
  own: Promise<VerifiedPackage[]>;
  verified: Promise<VerifiedInputs>;
}

interface VerifiedInputs {
  /** What the recipe adds to its base. */
  packages: VerifiedPackage[];
  tools: VerifiedPackage[];
  toolRoot: string;
}

/**
 * All of it is verified. Packages are read and their signatures checked while others are being fetched, and the tool
 * root is unpacked meanwhile; both count only once all signatures are good.
 */
export function gatherInputs(context: Context, job: ToGather, workDirectory: string): Inputs {
  const own = Promise.withResolvers<VerifiedPackage[]>();
  const verified = gather(context, job, workDirectory, own.resolve);
  verified.catch(own.reject);
  // Both are awaited later, if the build comes that far.
  own.promise.catch(() => undefined);
  return { own: own.promise, verified };
}

interface ToGather {
  locked: LockedRecipe;
  arch: string;
}

async function gather(
  context: Context,
  { locked: { loaded, answer }, arch }: ToGather,
  workDirectory: string,
  onRead: (own: VerifiedPackage[]) => void,
): Promise<VerifiedInputs> {
  const own = ownPackages(answer);
  const locked = Array.isArray(answer.tools) ? answer.tools : [];
  // The tools first, because unpacking them takes longest.
  const wanted = distinct([...locked, ...own]);
  const arriving = new ArrivingPackages(wanted);
  const trust = Promise.withResolvers<void>();
  // The steps that read await it, where the build comes that far.
  trust.promise.catch(() => undefined);
  const check = async (signal: AbortSignal) => {
    const checked = checkTrust({ ...context, signal }, workDirectory, loaded, wanted, arriving);
    await checked.then(trust.resolve, trust.reject);
    await trust.promise;
  };
  // An unsigned file may be no package at all: the failed signature is the better error.
  const trusted = async <T>(read: Promise<T>) =>
    read.catch((error) => trust.promise.then(() => Promise.reject(error)));
  let tools: VerifiedPackage[] = [];
  let packages: VerifiedPackage[] = [];
  let toolRoot = '/';
  const fetch = (signal: AbortSignal) => arriving.fetch({ ...context, signal }, loaded, arch);
  const unpack = async (signal: AbortSignal) => {
    tools = await readPackages(locked, arriving);
    toolRoot = await toolRootOf({ ...context, signal }, tools, workDirectory, trust.promise);
  };
  const read = async () => {
    packages = await readPackages(own, arriving);
    onRead(packages);
  };
  const steps = [fetch, check, (signal: AbortSignal) => trusted(unpack(signal)), () => trusted(read())];
  await inParallel(steps, steps.length, context.signal, (work, signal) => work(signal));
  return { packages, tools, toolRoot };
}

/** A package of two repositories is checked with the keys of both. */
function distinct(packages: readonly LockedPackage[]): LockedPackage[] {
  const key = ({ repo, name, sha256 }: LockedPackage) => `${repo} ${name} ${sha256}`;
  return [...new Map(packages.map((one) => [key(one), one])).values()];
}

async function readPackages(locked: LockedPackage[], arriving: ArrivingPackages): Promise<VerifiedPackage[]> {
  const found: VerifiedPackage[] = [];
  for (const one of locked) found.push({ package: await arriving.read(one), sha256: one.sha256 });
  return found;
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
