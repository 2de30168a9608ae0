/**
 * Predicts the layers of an image's packages: first from what is known before the transaction, then from its result.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { IsInstalled } from '../../lib/rpm/database.ts';
import { knownLinks } from '../../lib/rpm/symlinks.ts';
import { readOwners, type Owners } from '../../stages/install/accounts.ts';
import type { IsKnown } from '../../stages/layer/diff/changes.ts';
import {
  directoryPaths,
  predictDirectories,
  type DirectoryAt,
} from '../../stages/layer/packages/directories.ts';
import { linksOf, resolver } from '../../stages/layer/packages/packaged.ts';
import {
  filesNotInstalled,
  predictPackages,
  type PredictedPackage,
  type Surroundings,
  type VerifiedPackage,
} from '../../stages/layer/packages/predict.ts';
import { hasType, isDirectory, type Tree } from '../../stages/layer/tree.ts';
import type { ContentOf } from '../../stages/layer/verify/hash-tree.ts';
import type { Ids } from '../../stages/lock/id-ledger.ts';
import { sourceNameOf, type LockedArch } from '../../stages/lock/lock-file.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';
import type { PackageLayer } from './package-layers.ts';

export interface Prediction {
  packages: PredictedPackage[];
  directoryAt: DirectoryAt;
}

/**
 * `target`: the mounted tree of the base, which has the numbers of the base's owners. `ledger`: the numbers that owners
 * of the recipe will get; after the first build it has them all.
 */
export async function predictBefore(
  packages: VerifiedPackage[],
  recipe: Recipe,
  { target, parent, ledger }: { target: string; parent: Tree | undefined; ledger: Ids },
): Promise<Prediction> {
  const links = knownLinks(packages.map((one) => one.package));
  const inherited = parent && linksOf(parent);
  const leftOut = new Map(packages.map(({ package: one }) => [one, filesNotInstalled(one.files, recipe)]));
  const owners = withLedger(await readOwners(target), ledger);
  const predicted = predictPackages(packages, {
    resolve: resolver((path) => links.get(path) ?? inherited?.(path)),
    isInstalled: (one, index) => !leftOut.get(one)!.has(index),
    ownerAt: ownerOf(owners),
  });
  return { packages: predicted, directoryAt: predictDirectories(predicted, parent, owners) };
}

function withLedger(owners: Owners, { users, groups }: Ids): Owners {
  return {
    uid: (name) => owners.uid(name) ?? users[name],
    gid: (name) => owners.gid(name) ?? groups[name],
  };
}

/** Looks up the owner names of the header. */
function ownerOf(owners: Owners): Surroundings['ownerAt'] {
  return ({ user, group }) => {
    const [uid, gid] = [owners.uid(user), owners.gid(group)];
    return uid === undefined || gid === undefined ? undefined : { uid, gid };
  };
}

export interface Outcome {
  target: string;
  tree: Tree;
  isInstalled: IsInstalled;
  contentOf: ContentOf;
}

/** The result of the transaction, as far as scriptlets have not removed or replaced it. */
export async function predictAfter(
  packages: VerifiedPackage[],
  { target, tree, isInstalled, contentOf }: Outcome,
): Promise<Prediction & { isKnown: IsKnown }> {
  const ownerByName = ownerOf(await readOwners(target));
  const predicted = predictPackages(packages, {
    resolve: resolver(linksOf(tree)),
    // A file that a scriptlet has removed, or replaced by one of another type, is in no package layer.
    isInstalled: ({ nevra, files }, index, path) => {
      const entry = tree.get(path);
      return entry !== undefined && hasType(entry, files[index]!.mode) && isInstalled(nevra, index);
    },
    ownerAt: (file, path) => {
      const entry = tree.get(path)!;
      // If a scriptlet has changed only the owner, the package layer has the new owner, and no other layer repeats the
      // file.
      return entry.mtimeSeconds === file.mtime && entry.size === file.size ? entry : ownerByName(file, path);
    },
  });
  const directoryAt: DirectoryAt = (path) => {
    const entry = tree.get(path);
    return entry && isDirectory(entry) ? entry : undefined;
  };
  return { packages: predicted, directoryAt, isKnown: hasPackagedContent(predicted, contentOf) };
}

/** Whether a file's content is the one that its package layer has. */
function hasPackagedContent(packages: PredictedPackage[], contentOf: ContentOf): IsKnown {
  const files = new Map(
    packages.flatMap(({ package: one, places }) =>
      places.map(([index, path]) => [path, one.files[index]!] as const),
    ),
  );
  return (entry) => {
    const digest = files.get(entry.path)?.digest;
    return digest !== undefined && contentOf(entry, digest.algorithm) === digest.hex;
  };
}

/** Distributes the packages over the layers that the lock has planned. */
export function plannedLayers(
  { layers, packages: locked }: LockedArch,
  { packages, directoryAt }: Prediction,
): PackageLayer[] {
  const sources = new Map(locked.map((one) => [one.nevra, sourceNameOf(one)]));
  const bySource = Map.groupBy(packages, (one) => sources.get(one.package.nevra)!);
  const planned = layers.plan.map((names) => {
    const members = new Set(names.flatMap((name) => bySource.get(name) ?? []));
    return layerOf(
      names.join(', '),
      packages.filter((one) => members.has(one)),
      directoryAt,
    );
  });
  const count = planned.reduce((sum, one) => sum + one.packages.length, 0);
  if (count !== packages.length) {
    throw new MillinerError(
      'LOCK_INVALID',
      `the lock has planned layers for ${count} of ${packages.length} packages`,
    );
  }
  return planned;
}

function layerOf(name: string, packages: PredictedPackage[], directoryAt: DirectoryAt): PackageLayer {
  const found = directoryPaths(packages).map(directoryAt);
  const directories = found.filter((one) => one !== undefined);
  const isCertain = directories.length === found.length && packages.every((one) => one.isCertain);
  return { name, packages, directories, isCertain };
}
