/** The first page: how the images are, what needs people, what stands on what. */
import { counted, showTime } from './amounts-shown.ts';
import type { SiteFacts, SiteImage } from '../facts/site-facts.ts';
import { timeOf } from '../facts/gather-images.ts';
import { imageRow, isSecurity, pageOf, statusOf, type ImageRow, type Owners } from './image-row.ts';
import { lineageView } from './lineage.ts';
import { nightPage, nightRow } from './night-view.ts';
import { frameOf } from './page-frame.ts';

/** Rows of the table; all images have a page of their own. */
const maxImages = 20;
const maxNights = 7;
const maxAttention = 12;

interface Attention {
  kind: 'bad' | 'warn';
  what: string;
  name: string;
  href: string;
  detail: string;
}

export function startView(facts: SiteFacts, owners: Owners) {
  const { images, nights } = facts;
  const attention = attentionOf(facts);
  return {
    frame: frameOf('Images', 'index.html'),
    asOf: asOf(facts),
    stats: statsOf(facts),
    attention: attention.slice(0, maxAttention),
    moreAttention: Math.max(0, attention.length - maxAttention),
    lineage: lineageView(images),
    hasImages: images.length > 0,
    images: images
      .map((image) => imageRow(image, owners))
      .toSorted(byHealth)
      .slice(0, maxImages),
    moreImages: Math.max(0, images.length - maxImages),
    imageCount: images.length,
    hasAdvisories: facts.sources.isAdvisoryRead,
    nights: nights
      .slice(-maxNights)
      .toReversed()
      .map((night) => nightRow(night)),
    sources: sourcesOf(facts),
  };
}

const healths = ['bad', 'warn', 'none', 'ok'];

function byHealth({ status: a }: ImageRow, { status: b }: ImageRow): number {
  return healths.indexOf(a.kind) - healths.indexOf(b.kind);
}

/** The newest of all that is told: a page tells no time of its own, or it would differ with each writing. */
function asOf({ images, nights }: SiteFacts): string {
  const times = [...images.map(timeOf), ...nights.map(({ finished }) => finished)];
  const newest = times.reduce((a, b) => (a > b ? a : b), '');
  return newest === '' ? '' : showTime(newest);
}

function statsOf({ images, nights, sources }: SiteFacts) {
  const of = (kind: string) => images.filter((image) => statusOf(image).kind === kind).length;
  const [failed, passed] = [of('bad'), of('ok') + of('warn')];
  const night = nights.at(-1);
  return [
    {
      label: 'Images',
      value: String(images.length),
      note: counted(
        new Set(images.flatMap(({ layers }) => layers.map(({ digest }) => digest))).size,
        'layer',
      ),
      kind: 'none',
    },
    {
      label: 'Booted',
      value: String(passed),
      note: failed > 0 ? `${failed} failed` : 'none failed',
      kind: failed > 0 ? 'bad' : 'ok',
    },
    {
      label: 'Last night',
      value: night ? String(night.outcomes.published) : '–',
      note: night ? `published on ${night.started.slice(0, 10)}` : 'no night yet',
      kind: night && night.outcomes.failed > 0 ? 'bad' : 'none',
    },
    openStat(images, sources.isAdvisoryRead),
  ];
}

function openStat(images: readonly SiteImage[], isAsked: boolean) {
  const found = images.flatMap(({ advisories = [] }) => advisories.filter(isSecurity).map(({ id }) => id));
  const open = new Set(found).size;
  const silent = images.filter(({ silentRepositories }) => silentRepositories.length > 0).length;
  const isKnown = isAsked && (open > 0 || silent < images.length);
  const asked = silent > 0 ? `not known of ${counted(silent, 'image')}` : 'in all images';
  return {
    label: 'Open security advisories',
    value: isKnown ? String(open) : '–',
    note: isAsked ? asked : 'not asked',
    kind: open > 0 ? 'warn' : 'none',
  };
}

function attentionOf({ images, nights, tags }: SiteFacts): Attention[] {
  const byName = new Map(images.map((image) => [image.name, image]));
  const linkOf = (name: string) => (byName.has(name) ? pageOf(byName.get(name)!.id) : '');
  const lastBySet = new Map(nights.map((night) => [night.set, night]));
  return [
    ...images.filter((image) => statusOf(image).kind === 'bad').map(failedBoot),
    ...[...lastBySet.values()].flatMap((night) =>
      night.images
        .filter(({ outcome }) => outcome === 'failed' || outcome === 'quarantined')
        .map(({ recipe, outcome, failure }) => ({
          kind: 'bad' as const,
          what: outcome === 'failed' ? 'failed last night' : 'quarantined',
          name: recipe,
          href: linkOf(recipe) || nightPage(night),
          detail: failure ? `${failure.code}: ${failure.message}` : '',
        })),
    ),
    ...tags.flatMap(({ reference, problem, hold }): Attention[] => {
      if (problem)
        return [
          {
            kind: 'bad',
            what: 'not verified',
            name: reference,
            href: 'tags.html',
            detail: `${problem.code}: ${problem.message}`,
          },
        ];
      return hold
        ? [{ kind: 'warn', what: 'held', name: reference, href: 'tags.html', detail: hold.reason }]
        : [];
    }),
    ...images.flatMap(({ name, id, advisories = [] }): Attention[] => {
      const critical = advisories.filter(
        (one) => isSecurity(one) && one.severity.toLowerCase() === 'critical',
      );
      return critical.length === 0
        ? []
        : [
            {
              kind: 'warn',
              what: 'critical advisories',
              name,
              href: pageOf(id),
              detail: critical.map((one) => one.id).join(', '),
            },
          ];
    }),
  ];
}

function failedBoot({ name, id, verdict }: SiteImage): Attention {
  const cause = verdict?.causes[0];
  return {
    kind: 'bad',
    what: 'boot failed',
    name,
    href: pageOf(id),
    detail: cause ? `${cause.code}: ${cause.message}` : '',
  };
}

function sourcesOf({ images, nights, tags, sources }: SiteFacts): string[] {
  return [
    `${counted(images.length, 'image')} and ${counted(nights.length, 'night')} of the state directory.`,
    sources.isRegistryRead
      ? `The histories of ${counted(tags.length, 'tag')}, read from their registries and verified with the key.`
      : `${counted(tags.length, 'tag')} as this state has published them; no registry was asked.`,
    sources.isAdvisoryRead
      ? `Advisories of the repositories of the recipes${sources.unasked.length > 0 ? `; ${counted(sources.unasked.length, 'image')} without a recipe were left out` : ''}.`
      : 'No repository was asked for advisories.',
  ];
}

export function imagesView({ images, sources }: SiteFacts, owners: Owners) {
  return {
    frame: frameOf('All images', 'images.html', { scripts: ['assets/tables.js'] }),
    moreImages: 0,
    hasAdvisories: sources.isAdvisoryRead,
    images: images.map((image) => imageRow(image, owners)),
  };
}
