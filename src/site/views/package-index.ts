/** Which images carry which packages: for pages of lists, and in shards for the search. */
import { rpmvercmp } from '../../lib/rpm/version-order.ts';
import type { SiteImage, SitePackage } from '../facts/site-facts.ts';
import { pageOf } from './image-row.ts';
import { frameOf } from './page-frame.ts';
import { pageText } from '../page-text.ts';
import { shardCount, type CarrierData, type PackageData } from '../page/site-data.ts';

/** Names on one page of the list. */
const namesOnPage = 250;
/** Links to images in one row; the search shows all. */
const maxImages = 6;
interface IndexedVersion {
  package: SitePackage;
  /** Positions in the list of images. */
  images: number[];
}

export interface IndexedPackage {
  name: string;
  /** Newest first. */
  versions: IndexedVersion[];
}

export function indexPackages(images: readonly SiteImage[]): IndexedPackage[] {
  const byNevra = new Map<string, IndexedVersion>();
  for (const [position, image] of images.entries()) {
    for (const one of image.packages) {
      const known = byNevra.get(one.nevra);
      if (known) known.images.push(position);
      else byNevra.set(one.nevra, { package: one, images: [position] });
    }
  }
  const byName = Map.groupBy(byNevra.values(), (version) => version.package.name);
  return [...byName]
    .map(([name, versions]) => ({ name, versions: versions.toSorted((a, b) => newer(a.package, b.package)) }))
    .toSorted((a, b) => compareNames(a.name, b.name));
}

function newer(a: SitePackage, b: SitePackage): number {
  return (
    b.epoch - a.epoch ||
    rpmvercmp(b.version, a.version) ||
    rpmvercmp(b.release, a.release) ||
    (a.nevra < b.nevra ? -1 : 1)
  );
}

function compareNames(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()];
  return x === y ? (a < b ? -1 : 1) : x < y ? -1 : 1;
}

export interface PackageGroup {
  path: string;
  packages: IndexedPackage[];
}

export function groupPackages(packages: readonly IndexedPackage[]): PackageGroup[] {
  const groups: PackageGroup[] = [];
  for (let from = 0; from < packages.length; from += namesOnPage) {
    groups.push({
      path: `packages/${groups.length + 1}.html`,
      packages: packages.slice(from, from + namesOnPage),
    });
  }
  return groups;
}

/** Where each name stands in a list, with its place on the page. */
export function packagePages(groups: readonly PackageGroup[]): (name: string) => string {
  const pages = new Map(
    groups.flatMap(({ path, packages }) =>
      packages.map(({ name }) => [name, `${path}#${encodeURIComponent(pageText(name))}`] as const),
    ),
  );
  return (name) => pages.get(name) ?? 'packages.html';
}

const evrText = ({ epoch, version, release }: SitePackage) =>
  `${epoch ? `${epoch}:` : ''}${version}-${release}`;

export function packageGroupView({ packages }: PackageGroup, images: readonly SiteImage[]) {
  const [first, last] = [packages[0]!.name, packages.at(-1)!.name];
  return {
    frame: frameOf(`Packages ${first} to ${last}`, 'packages.html', { root: '../' }),
    packages: packages.map(({ name, versions }) => ({
      name,
      versions: versions.map((version) => ({
        evr: evrText(version.package),
        arch: version.package.arch,
        count: version.images.length,
        images: version.images
          .slice(0, maxImages)
          .map((at) => ({ name: images[at]!.name, href: `../${pageOf(images[at]!.id)}` })),
        others: Math.max(0, version.images.length - maxImages),
      })),
    })),
  };
}

export function packagesView(packages: readonly IndexedPackage[], groups: readonly PackageGroup[]) {
  return {
    frame: frameOf('Packages', 'packages.html', {
      scripts: ['data/packages.js', 'data/images.js', 'assets/minisearch.js', 'assets/packages.js'],
    }),
    nameCount: packages.length,
    versionCount: packages.reduce((sum, { versions }) => sum + versions.length, 0),
    groups: groups.map(({ path, packages: names }) => ({
      href: path,
      first: names[0]!.name,
      last: names.at(-1)!.name,
    })),
  };
}

export function packageData(packages: readonly IndexedPackage[]): PackageData[] {
  return packages.map(({ name, versions }) => [
    name,
    versions.map(({ package: { epoch, version, release, arch }, images }) => [
      epoch,
      version,
      release,
      arch,
      images.length,
    ]),
  ]);
}

/** The package at position p of the list is at p / shards of the shard p % shards. */
export function carrierShards(packages: readonly IndexedPackage[]): CarrierData[] {
  return Array.from({ length: Math.min(shardCount, packages.length) }, (_, shard) =>
    packages
      .filter((_one, position) => position % shardCount === shard)
      .map(({ versions }) => versions.map(({ images }) => images)),
  );
}
