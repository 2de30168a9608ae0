/** What lists of images show of one: its health first. */
import { showBootTime } from './amounts-shown.ts';
import { showSize } from '../../stages/report/amounts.ts';
import type { OpenAdvisory, SiteBuild, SiteImage } from '../facts/site-facts.ts';

export interface Status {
  /** Names a class of the style sheet; the text says the same, for those who see no colours. */
  kind: 'ok' | 'bad' | 'warn' | 'none';
  text: string;
}

export interface ImageRow {
  id: string;
  href: string;
  name: string;
  arch: string;
  status: Status;
  size: string;
  packages: number;
  boot: string;
  advisories: string;
  base: { name: string; href: string; isBehind: boolean };
  /** Bytes and seconds, for sorting. */
  bytes: number;
  seconds: number;
}

/** Images by their ids, and by the digests of their builds. */
export interface Owners {
  byId: ReadonlyMap<string, SiteImage>;
  byDigest: ReadonlyMap<string, Owner>;
}

interface Owner {
  image: SiteImage;
  isCurrent: boolean;
}

export function ownersOf(images: readonly SiteImage[]): Owners {
  const former = images.flatMap((image) =>
    image.former.map(({ digest }) => [digest, { image, isCurrent: false }] as const),
  );
  const current = images.map((image) => [image.digest, { image, isCurrent: true }] as const);
  return {
    byId: new Map(images.map((image) => [image.id, image])),
    byDigest: new Map<string, Owner>([...former, ...current]),
  };
}

export const sizeOf = ({ layers }: Pick<SiteBuild, 'layers'>) =>
  layers.reduce((sum, { size }) => sum + size, 0);

export const pageOf = (id: string) => `images/${id}.html`;

export function statusOf({ verdict }: Pick<SiteBuild, 'verdict'>): Status {
  if (!verdict) return { kind: 'none', text: 'not booted' };
  if (!verdict.passed) return { kind: 'bad', text: 'boot failed' };
  // How many it took stands beside the timeline of each boot.
  return verdict.failedAttempts ? { kind: 'warn', text: 'passed on retry' } : { kind: 'ok', text: 'passed' };
}

export function imageRow(image: SiteImage, owners: Owners): ImageRow {
  const { id, name, arch, packages, verdict } = image;
  const bytes = sizeOf(image);
  return {
    id,
    href: pageOf(id),
    name,
    arch,
    status: statusOf(image),
    size: showSize(bytes),
    packages: packages.length,
    boot: showBootTime(verdict?.readySeconds),
    advisories: openText(image),
    base: baseOf(image, owners),
    bytes,
    seconds: verdict?.readySeconds ?? -1,
  };
}

export function baseOf({ base }: SiteImage, owners: Owners): ImageRow['base'] {
  if (base === undefined) return { name: '', href: '', isBehind: false };
  const owner = owners.byDigest.get(base);
  if (!owner) return { name: `${base.slice(0, 19)}…`, href: '', isBehind: false };
  return { name: owner.image.name, href: pageOf(owner.image.id), isBehind: !owner.isCurrent };
}

export const isSecurity = ({ type }: Pick<OpenAdvisory, 'type'>) => type === 'security';

/** Security counts first: the rest can wait. Where a repository publishes none, nothing found is not "none". */
function openText({ advisories, silentRepositories }: SiteImage): string {
  if (!advisories) return '';
  const security = advisories.filter(isSecurity).length;
  const other = advisories.length - security;
  if (advisories.length === 0) return silentRepositories.length > 0 ? 'not known' : 'none';
  return [...(security > 0 ? [`${security} security`] : []), ...(other > 0 ? [`${other} other`] : [])].join(
    ', ',
  );
}
