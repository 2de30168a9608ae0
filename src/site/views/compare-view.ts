/** Two images side by side: pages for the pairs that people ask for, and the page that compares any two. */
import { showSize } from '../../stages/report/amounts.ts';
import { compareImages } from '../page/compare-images.ts';
import type { ImageData } from '../page/site-data.ts';
import type { SiteBuild, SiteImage } from '../facts/site-facts.ts';
import { showBootTime, showTime, shortDigest } from './amounts-shown.ts';
import { pageOf, sizeOf, type Owners } from './image-row.ts';
import { frameOf } from './page-frame.ts';
import { trendOf, type NightTrends } from './trend-view.ts';

/** Rows of packages and of layers. */
const maxRows = 1000;

export interface ComparedPair {
  path: string;
  first: { build: SiteBuild; name: string; href: string };
  second: { build: SiteBuild; name: string; href: string };
}

/** An image beside its base, and beside the build that it replaced. */
export function comparedPairs(image: SiteImage, owners: Owners): ComparedPair[] {
  const pairs: ComparedPair[] = [];
  const href = `../${pageOf(image.id)}`;
  const second = { build: image, name: image.name, href };
  const base = image.base === undefined ? undefined : owners.byDigest.get(image.base)?.image;
  if (base) {
    const first = { build: base, name: base.name, href: `../${pageOf(base.id)}` };
    pairs.push({ path: `compare/${image.id}--base.html`, first, second });
  }
  const former = image.former[0];
  if (former) {
    const first = { build: former, name: `${image.name}, build ${shortDigest(former.digest)}`, href };
    pairs.push({ path: `compare/${image.id}--former.html`, first, second });
  }
  return pairs;
}

export function comparisonView({ first, second }: ComparedPair) {
  const { packages, layers, same, sharedLayers, download } = compareImages(
    comparedOf(first.build),
    comparedOf(second.build),
  );
  return {
    frame: frameOf(`${first.name} and ${second.name}`, 'compare.html', {
      root: '../',
      scripts: ['assets/tables.js'],
    }),
    first: { name: first.name, href: first.href, ...factsOf(first.build) },
    second: { name: second.name, href: second.href, ...factsOf(second.build) },
    packages: packages.slice(0, maxRows).map((row) => ({ ...row })),
    morePackages: Math.max(0, packages.length - maxRows),
    count: packages.length,
    same,
    sharedLayers,
    download: showSize(download),
    layers: layers.slice(0, maxRows).map(({ side, size, holds }) => ({
      name: side === 'first' ? first.name : second.name,
      size: showSize(size),
      holds: holds.slice(0, 300),
    })),
  };
}

const factsOf = (build: SiteBuild) => ({
  size: showSize(sizeOf(build)),
  packages: build.packages.length,
  layers: build.layers.length,
  created: showTime(build.created),
  boot: showBootTime(build.verdict?.readySeconds),
});

function comparedOf({ packages, layers }: SiteBuild): Pick<ImageData, 'packages' | 'layers'> {
  return {
    packages: packages.map(({ name, epoch, version, release, arch }) => [
      name,
      `${epoch ? `${epoch}:` : ''}${version}-${release}`,
      arch,
    ]),
    layers: layers.map(({ digest, size, holds }) => [shortDigest(digest), size, holds.slice(0, 300)]),
  };
}

export function imageData(image: SiteImage, trends: NightTrends): ImageData {
  return {
    ...comparedOf(image),
    size: sizeOf(image),
    created: showTime(image.created),
    boot: showBootTime(image.verdict?.readySeconds),
    trend: trendOf(image, trends).map(({ time, size, ready, update }) => [
      Date.parse(time),
      size ?? null,
      ready ?? null,
      update ?? null,
    ]),
  };
}

export function compareView(pairs: readonly ComparedPair[]) {
  return {
    frame: frameOf('Compare images', 'compare.html', { scripts: ['data/images.js', 'assets/compare.js'] }),
    pairs: pairs
      .slice(0, maxRows)
      .map(({ path, first, second }) => ({ href: path, first: first.name, second: second.name })),
  };
}
