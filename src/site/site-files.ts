/** All files of a site, made one at a time: those of a thousand images do not fit into memory together. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { SiteFacts, SiteImage, SiteTag } from './facts/site-facts.ts';
import { classicScript, dataScript } from './page-script.ts';
import { pageRenderer, templates, type RenderPage } from './render-page.ts';
import type { SiteFile } from './site-directory.ts';
import { advisoriesView } from './views/advisory-view.ts';
import { comparedPairs, compareView, comparisonView, imageData } from './views/compare-view.ts';
import { ownersOf, pageOf, type Owners } from './views/image-row.ts';
import { fixedByRecipe, imageView, type ImageContext } from './views/image-view.ts';
import { sharersOf } from './views/layer-view.ts';
import { nightPage, nightsView, nightView } from './views/night-view.ts';
import {
  carrierShards,
  groupPackages,
  indexPackages,
  packageData,
  packageGroupView,
  packagePages,
  packagesView,
  type IndexedPackage,
  type PackageGroup,
} from './views/package-index.ts';
import { imagesView, startView } from './views/start-view.ts';
import { tagsView } from './views/tag-view.ts';
import { nightTrends } from './views/trend-view.ts';
import { trendsData, trendsView } from './views/trends-view.ts';

export function* siteFiles(facts: SiteFacts): Generator<SiteFile> {
  const render = pageRenderer();
  const owners = ownersOf(facts.images);
  yield* assets();
  yield* overviewPages(facts, owners, render);
  yield* nightPages(facts, render);
  const packages = indexPackages(facts.images);
  const groups = groupPackages(packages);
  yield* packageFiles(facts, packages, groups, render);
  yield* imagePages(facts, owners, packagePages(groups), render);
}

/** Of each library the built file that needs no other, and no host. */
function* assets(): Generator<SiteFile> {
  const require = createRequire(import.meta.url);
  const beside = (file: string, path: string) => readFileSync(join(dirname(file), path));
  const [echarts, minisearch] = [require.resolve('echarts'), require.resolve('minisearch')];
  yield { path: 'assets/echarts.js', content: beside(echarts, 'echarts.common.min.js') };
  yield { path: 'assets/minisearch.js', content: beside(minisearch, '../umd/index.js') };
  yield { path: 'assets/site.css', content: readFileSync(`${templates}/site.css`) };
  const order = 'lib/rpm/version-order';
  const shared = ['site/page/site-data', 'site/page/make-element', 'site/page/load-data'];
  const search = [
    order,
    'lib/rpm/package-condition',
    ...shared,
    'site/page/find-packages',
    'site/page/packages-page',
  ];
  yield { path: 'assets/packages.js', content: classicScript(search) };
  const compare = [order, ...shared, 'site/page/compare-images', 'site/page/compare-page'];
  yield { path: 'assets/compare.js', content: classicScript(compare) };
  yield { path: 'assets/trends.js', content: classicScript([...shared, 'site/page/trends-page']) };
  yield {
    path: 'assets/tables.js',
    content: classicScript(['site/page/make-element', 'site/page/tables-page']),
  };
}

function* overviewPages(facts: SiteFacts, owners: Owners, render: RenderPage): Generator<SiteFile> {
  const { tags, nights, sources } = facts;
  yield { path: 'index.html', content: render('start', startView(facts, owners)) };
  yield { path: 'images.html', content: render('images', imagesView(facts, owners)) };
  yield { path: 'tags.html', content: render('tags', tagsView(tags, owners, sources.isRegistryRead)) };
  yield { path: 'advisories.html', content: render('advisories', advisoriesView(facts)) };
  yield { path: 'trends.html', content: render('trends', trendsView(nights)) };
  yield { path: 'data/trends.js', content: dataScript('trends', trendsData(nights)) };
}

function* nightPages({ nights, images }: SiteFacts, render: RenderPage): Generator<SiteFile> {
  const pages = new Map(images.toReversed().map(({ name, id }) => [name, pageOf(id)]));
  yield { path: 'nights.html', content: render('nights', nightsView(nights)) };
  for (const night of nights)
    yield {
      path: nightPage(night),
      content: render(
        'night',
        nightView(night, (recipe) => pages.get(recipe)),
      ),
    };
}

function* packageFiles(
  { images }: SiteFacts,
  packages: readonly IndexedPackage[],
  groups: readonly PackageGroup[],
  render: RenderPage,
): Generator<SiteFile> {
  yield { path: 'packages.html', content: render('packages', packagesView(packages, groups)) };
  for (const group of groups)
    yield { path: group.path, content: render('package-group', packageGroupView(group, images)) };
  const listed = images.map(({ id, name, arch }) => ({ id, name, arch }));
  yield { path: 'data/images.js', content: dataScript('images', listed) };
  yield { path: 'data/packages.js', content: dataScript('packages', packageData(packages)) };
  for (const [shard, carriers] of carrierShards(packages).entries())
    yield { path: `data/carriers/${shard}.js`, content: dataScript(`carriers/${shard}`, carriers) };
}

function* imagePages(
  facts: SiteFacts,
  owners: Owners,
  packagePage: ImageContext['packagePage'],
  render: RenderPage,
): Generator<SiteFile> {
  const context = { ...lookups(facts, owners), packagePage };
  const pairs = facts.images.flatMap((image) => comparedPairs(image, owners));
  yield { path: 'compare.html', content: render('compare', compareView(pairs)) };
  for (const pair of pairs) yield { path: pair.path, content: render('comparison', comparisonView(pair)) };
  for (const image of facts.images) {
    yield { path: pageOf(image.id), content: render('image', imageView(image, context)) };
    const name = `image/${image.id}`;
    yield { path: `data/${name}.js`, content: dataScript(name, imageData(image, context.trends)) };
  }
}

function lookups(
  { images, nights, tags, sources }: SiteFacts,
  owners: Owners,
): Omit<ImageContext, 'packagePage'> {
  return {
    owners,
    sharers: sharersOf(images),
    trends: nightTrends(nights),
    tags: tagsByImage(tags),
    children: childrenByImage(images, owners),
    fixed: fixedByRecipe(nights, nightPage),
    isAdvisoryRead: sources.isAdvisoryRead,
  };
}

function tagsByImage(tags: readonly SiteTag[]): Map<string, SiteTag[]> {
  const pairs = tags.flatMap((tag) => tag.images.map((id) => ({ id, tag })));
  const grouped = Map.groupBy(pairs, ({ id }) => id);
  return new Map([...grouped].map(([id, found]) => [id, found.map(({ tag }) => tag)]));
}

function childrenByImage(images: readonly SiteImage[], { byDigest }: Owners): Map<string, SiteImage[]> {
  const children = images.filter(({ base }) => base !== undefined && byDigest.has(base));
  return Map.groupBy(children, ({ base }) => byDigest.get(base!)!.image.id);
}
