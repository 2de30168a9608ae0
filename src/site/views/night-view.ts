/** Nights: all of them in a list, and a page for each. */
import { outcomes } from '../../stages/report/night-report.ts';
import { showDuration, showSize } from '../../stages/report/amounts.ts';
import { changeLine, reasonLine } from '../../stages/report/image-lines.ts';
import type { NightImage, SiteNight } from '../facts/site-facts.ts';
import { counted, percent, shortDigest, showBootTime, showOptionalSize, showTime } from './amounts-shown.ts';
import { frameOf } from './page-frame.ts';

/** Reasons and packages of one image on the page of a night. */
const maxLines = 40;

/** A file name has no colons. */
export const nightPage = ({ set, started }: Pick<SiteNight, 'set' | 'started'>) =>
  `nights/${set}/${new Date(started).toISOString().slice(0, 19).replaceAll(':', '-')}.html`;

const kinds: Record<NightImage['outcome'], string> = {
  published: 'ok',
  unchanged: 'none',
  failed: 'bad',
  held: 'warn',
  quarantined: 'bad',
  skipped: 'warn',
};

export function nightRow(night: SiteNight, root = '') {
  const { set, started, finished, images } = night;
  const total = outcomes.reduce((sum, outcome) => sum + night.outcomes[outcome], 0);
  let before = 0;
  const bars = outcomes.flatMap((outcome) => {
    const count = night.outcomes[outcome];
    if (count === 0) return [];
    const x = percent(before, total);
    before += count;
    return [{ x, width: percent(count, total), kind: kinds[outcome], title: `${count} ${outcome}` }];
  });
  return {
    href: `${root}${nightPage(night)}`,
    set,
    date: showTime(started),
    duration: showDuration(Date.parse(finished) - Date.parse(started)),
    published: night.outcomes.published,
    failed: night.outcomes.failed + night.outcomes.quarantined,
    waiting: night.outcomes.held + night.outcomes.skipped,
    unchanged: night.outcomes.unchanged,
    update: showSize(images.reduce((sum, { updateBytes = 0 }) => sum + updateBytes, 0)),
    bars,
    summary: outcomes
      .flatMap((one) => (night.outcomes[one] > 0 ? [`${night.outcomes[one]} ${one}`] : []))
      .join(', '),
  };
}

export function nightsView(nights: readonly SiteNight[]) {
  return {
    frame: frameOf('Nights', 'nights.html'),
    count: nights.length,
    nights: nights.toReversed().map((night) => nightRow(night)),
  };
}

/** @param pageOfRecipe the page of the image of a recipe; undefined if this state has none */
export function nightView(night: SiteNight, pageOfRecipe: (recipe: string) => string | undefined) {
  const root = '../../';
  return {
    frame: frameOf(`${night.set}, night of ${night.started.slice(0, 10)}`, 'nights.html', {
      root,
      scripts: ['assets/tables.js'],
    }),
    night: nightRow(night, root),
    images: night.images.toSorted(byOutcome).map((image) => {
      const page = pageOfRecipe(image.recipe);
      return { ...nightImageRow(image), href: page === undefined ? '' : `${root}${page}` };
    }),
  };
}

/** What needs people first. */
const order: readonly NightImage['outcome'][] = [
  'failed',
  'quarantined',
  'held',
  'skipped',
  'published',
  'unchanged',
];

function byOutcome(a: NightImage, b: NightImage): number {
  return order.indexOf(a.outcome) - order.indexOf(b.outcome) || (a.recipe < b.recipe ? -1 : 1);
}

function nightImageRow(image: NightImage) {
  const {
    recipe,
    arches,
    outcome,
    digest,
    size,
    updateBytes,
    boot,
    failure,
    hold,
    quarantine,
    reasons,
    packages,
  } = image;
  const moves = packages.map(({ name, arch, from, to }) => `${name}.${arch}: ${changeLine(from, to)}`);
  return {
    recipe,
    arches: arches.join(', '),
    outcome,
    kind: kinds[outcome],
    digest: digest === undefined ? '' : shortDigest(digest),
    size: showOptionalSize(size),
    update: showOptionalSize(updateBytes),
    boot: showBootTime(boot?.readySeconds),
    cause: causeText({ failure, hold, quarantine }),
    hint: failure?.hint ?? '',
    reasons: reasons.slice(0, maxLines).map(reasonLine),
    reasonText: counted(reasons.length, 'reason'),
    packageText: `${counted(packages.length, 'package')} changed`,
    packages: moves.slice(0, maxLines),
    morePackages: Math.max(0, moves.length - maxLines),
    advisories: image.advisories.map(({ id, severity, cves }) => ({ id, severity, cves: cves.join(' ') })),
  };
}

function causeText({
  failure,
  hold,
  quarantine,
}: Pick<NightImage, 'failure' | 'hold' | 'quarantine'>): string {
  if (hold) return hold.reason;
  const nights = quarantine ? `not tried after ${quarantine.nights} failed nights: ` : '';
  return failure ? `${nights}${failure.stage}: ${failure.code}: ${failure.message}` : nights;
}
