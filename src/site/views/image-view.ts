/** The page of one image. */
import { showSize } from '../../stages/report/amounts.ts';
import { byUrgency } from '../../lib/rpm/severity.ts';
import type { OpenAdvisory, SiteImage, SiteNight, SiteTag } from '../facts/site-facts.ts';
import { timeOf } from '../facts/gather-images.ts';
import { showBootTime, showTime, shortDigest } from './amounts-shown.ts';
import { bootView } from './boot-view.ts';
import { baseOf, isSecurity, pageOf, sizeOf, statusOf, type Owners } from './image-row.ts';
import { layersView, type Sharers } from './layer-view.ts';
import { frameOf } from './page-frame.ts';
import { tagRow } from './tag-view.ts';
import { trendOf, trendView, type NightTrends } from './trend-view.ts';

/** What is looked up for each image, worked out once for all. */
export interface ImageContext {
  owners: Owners;
  sharers: Sharers;
  trends: NightTrends;
  tags: ReadonlyMap<string, readonly SiteTag[]>;
  children: ReadonlyMap<string, readonly SiteImage[]>;
  fixed: ReadonlyMap<string, readonly FixedRow[]>;
  /** The page of a package's name, relative to the site. */
  packagePage: (name: string) => string;
  isAdvisoryRead: boolean;
}

export interface FixedRow {
  id: string;
  severity: string;
  title: string;
  cves: string;
  night: { href: string; date: string };
}

export function imageView(image: SiteImage, context: ImageContext) {
  const { id, name, arch, digest, created, lock, packages, verdict, advisories, former } = image;
  const base = baseOf(image, context.owners);
  return {
    frame: frameOf(`${name} (${arch})`, 'images.html', { root: '../', scripts: ['assets/tables.js'] }),
    id,
    name,
    arch,
    digest,
    lock,
    created: showTime(created),
    status: statusOf(image),
    size: showSize(sizeOf(image)),
    packageCount: packages.length,
    layerCount: image.layers.length,
    boot: showBootTime(verdict?.readySeconds),
    base: base.name === '' ? null : { ...base, href: base.href && `../${base.href}` },
    hasBase: base.href !== '',
    hasFormer: former.length > 0,
    children: (context.children.get(id) ?? []).map((child) => ({
      name: child.name,
      href: `../${pageOf(child.id)}`,
      status: statusOf(child),
    })),
    tags: (context.tags.get(id) ?? []).map((tag) => tagRow(tag, context.owners, '../')),
    layers: layersView(image, context.sharers),
    packages: packages.map((one) => packageRow(image, one, context)),
    locked: image.locked !== undefined,
    lockNote: lockNote(image),
    advisories: (advisories ?? []).map(openRow),
    advisoryText: advisoryText(image, context.isAdvisoryRead),
    fixed: context.fixed.get(name) ?? [],
    verdict: verdict ? bootView(verdict) : null,
    trend: trendView(trendOf(image, context.trends)),
    former: former.map((build) => ({
      digest: shortDigest(build.digest),
      time: showTime(timeOf(build)),
      status: statusOf(build),
      size: showSize(sizeOf(build)),
      packages: build.packages.length,
      boot: showBootTime(build.verdict?.readySeconds),
    })),
    build: buildFacts(image),
    warnings: image.build.warnings.slice(0, 20),
  };
}

function packageRow(
  { locked }: SiteImage,
  { name, nevra, arch, epoch, version, release }: SiteImage['packages'][number],
  { packagePage }: ImageContext,
) {
  const found = locked?.packages.get(nevra);
  return {
    name,
    href: `../${packagePage(name)}`,
    evr: `${epoch ? `${epoch}:` : ''}${version}-${release}`,
    arch,
    repo: found?.repo ?? '',
    size: found ? showSize(found.size) : '',
  };
}

function lockNote({ locked }: SiteImage): string {
  if (!locked) return '';
  const { repositories, reproducibleElsewhere } = locked;
  return `from ${repositories.join(', ')}${reproducibleElsewhere ? '' : '; the tools are those of a host, so other hosts may build other bytes'}`;
}

const openRow = ({ id, type, severity, cves, title, packages }: OpenAdvisory) => ({
  id,
  kind: isSecurity({ type }) ? 'bad' : 'none',
  severity: isSecurity({ type }) ? (severity === 'None' ? 'security' : severity) : type || 'unknown',
  cves: cves.join(' '),
  title,
  packages,
});

function advisoryText({ advisories, silentRepositories }: SiteImage, isAsked: boolean): string {
  if (!advisories) {
    return isAsked
      ? 'No recipe of this name was found, so no repository was asked.'
      : 'The repositories were not asked: write the site with --advisories.';
  }
  const silent =
    silentRepositories.length === 0
      ? ''
      : `${silentRepositories.join(', ')}: no advisories are published there. `;
  return advisories.length > 0 ? silent : `${silent}No advisory is known to be open.`;
}

function buildFacts({ build: { normalised, removedKeys, state, verification }, config }: SiteImage) {
  const { entrypoint = [], cmd = [], exposedPorts, user } = config;
  const facts = [
    ['Command', [...entrypoint, ...cmd].join(' ')],
    ['User', user ?? ''],
    ['Ports', exposedPorts.join(', ')],
    ['Paths beside packages', String(state)],
    ['Normalised paths', String(normalised)],
    ['Removed private keys', String(removedKeys)],
    ['Differences of rpm -Va, each explained', String(verification)],
  ];
  return facts.filter(([, value]) => value !== '').map(([label, value]) => ({ label, value }));
}

/** What nights have fixed in each recipe's image, newest first. */
export function fixedByRecipe(
  nights: readonly SiteNight[],
  nightPage: (night: SiteNight) => string,
): Map<string, FixedRow[]> {
  const fixed = new Map<string, FixedRow[]>();
  for (const night of nights.toReversed()) {
    for (const { recipe, advisories, outcome } of night.images) {
      if (outcome !== 'published' || advisories.length === 0) continue;
      const rows = advisories.toSorted(byUrgency).map(({ id, severity, title = '', cves }) => ({
        id,
        severity,
        title,
        cves: cves.join(' '),
        night: { href: `../${nightPage(night)}`, date: night.started.slice(0, 10) },
      }));
      fixed.set(recipe, [...(fixed.get(recipe) ?? []), ...rows].slice(0, 40));
    }
  }
  return fixed;
}
