/** The packages of a corpus, and the repository that each lies in. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readPackage, type RpmPackage } from '../../../src/lib/rpm/package.ts';
import type { Corpus } from './outcome.ts';

export interface Found {
  pkg: RpmPackage;
  /** Directory with repodata/ above the package, or the package's own. */
  repository: string;
}

/**
 * Where packages (NAME-EPOCH:VERSION-RELEASE.ARCH) lie; those that the corpus lacks are left out. Of several places
 * the repository counts that has the most of them: others may hold what was damaged on purpose.
 */
export async function placesOf({ directory, files }: Corpus, wanted: readonly string[]): Promise<Found[]> {
  const candidates = new Map(wanted.map((nevra) => [nevra, [] as Found[]]));
  const sizes = new Map<string, number>();
  for (const file of files.filter((name) => name.endsWith('.rpm'))) {
    const pkg = await readPackage(join(directory, file)).catch(() => undefined);
    const places = pkg && !pkg.source ? candidates.get(fullNevra(pkg)) : undefined;
    if (!pkg || !places) continue;
    const repository = repositoryOf(directory, join(directory, file));
    places.push({ pkg, repository });
    sizes.set(repository, (sizes.get(repository) ?? 0) + 1);
  }
  const size = ({ repository }: Found) => sizes.get(repository) ?? 0;
  return [...candidates.values()].flatMap((places) =>
    places.toSorted((a, b) => size(b) - size(a)).slice(0, 1),
  );
}

const fullNevra = ({ name, epoch, version, release, arch }: RpmPackage) =>
  `${name}-${epoch}:${version}-${release}.${arch}`;

function repositoryOf(top: string, file: string): string {
  for (let place = dirname(file); place.startsWith(top); place = dirname(place)) {
    if (existsSync(join(place, 'repodata/repomd.xml'))) return place;
  }
  return dirname(file);
}
