/** Reads the unpacked tree of a base: all its files, and the packages in its rpm database. */
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { lstatIfThere } from '../../lib/host/files.ts';
import { hashFiles } from '../../lib/host/hash-files.ts';
import { showBytes } from '../../lib/host/paths.ts';
import { resolveInside } from '../../lib/host/resolve-in-root.ts';
import { databasePlaces } from '../../lib/rpm/database-path.ts';
import { databaseFile } from '../../lib/rpm/database.ts';
import { readDatabasePackages, writeHeaderFiles, type DatabasePackage } from '../../lib/rpm/header-file.ts';
import { databaseIn } from '../../lib/rpm/image-database.ts';
import { isRegular, treeOf, type Tree } from '../../stages/layer/tree.ts';
import type { BaseRecord } from '../state/base-records.ts';
import { withSnapshots, type Context, type StateContext } from '../state/context.ts';
import { withView } from '../state/snapshots.ts';
import { storeTree } from '../state/trees.ts';
import { withWorkspace } from '../state/workspace.ts';

export type DescribedTree = Pick<BaseRecord, 'tree' | 'dbPath' | 'packages'> & {
  /** Seconds since 1970: the build time of the newest package. */
  newest: number;
};

/** Throws RPMDB_INVALID, RPMDB_UNSUPPORTED. */
export async function describeTree(
  context: Context,
  base: Pick<BaseRecord, 'name' | 'snapshot'>,
): Promise<DescribedTree> {
  return withView(context, base.snapshot, async (root, key) => {
    context.progress.step(`reading the tree of ${base.name}`);
    const tree = treeOf(await context.snapshots.scan(key));
    await readContents(root, tree);
    const dbPath = await databasePathIn(root, base.name);
    const packages = dbPath === undefined ? [] : await packagesIn(root, dbPath);
    return {
      tree: await storeTree(context, tree),
      ...(dbPath !== undefined && { dbPath }),
      packages: packages.map(({ nevra }) => nevra).toSorted(),
      newest: Math.max(0, ...packages.map(({ buildTime }) => buildTime)),
    };
  });
}

/** Runs fn with header files of the `named` packages of a base; with none if there is no base. */
export async function withInstalled<T>(
  context: StateContext,
  base: Pick<BaseRecord, 'snapshot' | 'dbPath'> | undefined,
  nevras: readonly string[] | undefined,
  fn: (files: string[]) => Promise<T>,
): Promise<T> {
  if (base?.dbPath === undefined) return fn([]);
  const { dbPath, snapshot } = base;
  const wanted = new Set(nevras);
  return withWorkspace(context.state, async ({ directory }) => {
    const there = await withSnapshots(context, (opened) =>
      withView(opened, snapshot, (root) => packagesIn(root, dbPath)),
    );
    const written = there.filter(({ nevra }) => wanted.has(nevra));
    return fn(await writeHeaderFiles(written, directory));
  });
}

/** Computes the digest of each regular file, as for a tree whose layers were written here. */
export async function readContents(root: string, tree: Tree): Promise<void> {
  const byInode = [...Map.groupBy([...tree.values()].filter(isRegular), ({ inode }) => inode).values()];
  const paths = byInode.map(([first]) => first!.path);
  const digests = await hashFiles(root, paths, ['sha256']);
  for (const [at, names] of byInode.entries()) for (const entry of names) entry.sha256 = digests[at]![0]!;
}

/** The database files of Berkeley DB and ndb. */
const unsupportedFiles = ['Packages', 'Packages.db'];

/** Absolute path without links; undefined if there is no database. */
async function databasePathIn(root: string, name: string): Promise<string | undefined> {
  const places = databasePlaces.flatMap((place) => resolveInside(root, place) ?? []).map(showBytes);
  for (const place of places) {
    if (await lstatIfThere(join(root, place, databaseFile))) return `/${place}`;
  }
  for (const place of places) {
    for (const file of unsupportedFiles) {
      if (!(await lstatIfThere(join(root, place, file)))) continue;
      throw new MillinerError(
        'RPMDB_UNSUPPORTED',
        `${name} has its rpm database in /${place}/${file}, not in ${databaseFile}`,
        {
          details: { base: name, path: `/${place}/${file}` },
        },
      );
    }
  }
  return undefined;
}

async function packagesIn(root: string, dbPath: string): Promise<DatabasePackage[]> {
  return readDatabasePackages(await databaseIn(root, dbPath));
}
