/** The packages of a corpus, and the repository that each lies in. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readPackage, type RpmPackage } from '../../src/rpm/package.ts';
import type { Corpus } from './outcome.ts';

export interface Found {
  pkg: RpmPackage;
  /** Directory with repodata/ above the package, or the package's own. */
  repository: string;
}

/** Where packages (NAME-EPOCH:VERSION-RELEASE.ARCH) lie; those that the corpus lacks are left out. */
export async function placesOf({ directory, files }: Corpus, wanted: readonly string[]): Promise<Found[]> {
  const left = new Set(wanted);
  const candidates = files.filter((file) => file.endsWith('.rpm'));
  const found: Found[] = [];
  for (const file of candidates) {
    if (left.size === 0) break;
    const pkg = await readPackage(join(directory, file)).catch(() => undefined);
    if (!pkg || pkg.source || !left.delete(fullNevra(pkg))) continue;
    found.push({ pkg, repository: repositoryOf(directory, join(directory, file)) });
  }
  return found;
}

const fullNevra = ({ name, epoch, version, release, arch }: RpmPackage) =>
  `${name}-${epoch}:${version}-${release}.${arch}`;

function repositoryOf(top: string, file: string): string {
  for (let place = dirname(file); place.startsWith(top); place = dirname(place)) {
    if (existsSync(join(place, 'repodata/repomd.xml'))) return place;
  }
  return dirname(file);
}
