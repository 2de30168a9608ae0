/** Packages of the demo's repository as other nights would have built them, in a repository of their own. */
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fetchClosure } from '../../spec/debian/archive.ts';
import { packages } from '../../spec/debian/packages.ts';
import { rebuild } from '../../spec/debian/repackage.ts';
import { withWorkPlace } from '../../spec/places.ts';
import { createRepodata } from '../../spec/repodata.ts';
import { cache } from '../helpers/demo-recipes.ts';

export interface Night {
  night: number;
  /** Names of the source packages that are built again. */
  sources: readonly string[];
}

/** Paths of the RPMs of each night and source, unsigned; built once. */
export async function rebuiltPackages(nights: readonly Night[]) {
  return withWorkPlace(async () =>
    rebuild(await fetchClosure(packages, join(cache, 'debian')), nights, join(cache, 'rebuilt')),
  );
}

export async function repositoryOf(rpms: readonly string[], directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const path of rpms) await copyFile(path, join(directory, basename(path)));
  await createRepodata(directory);
}
