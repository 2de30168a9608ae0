/** Advisories over all images: what is open and where, and what nights have fixed. */
import { byUrgency } from '../../lib/rpm/severity.ts';
import type { SiteFacts, SiteImage, SiteNight } from '../facts/site-facts.ts';
import { isSecurity, pageOf } from './image-row.ts';
import { nightPage } from './night-view.ts';
import { frameOf } from './page-frame.ts';

/** Rows of each table. What is beyond is on the pages of images and nights. */
const maxRows = 500;
/** Links to images in one row. */
const maxImages = 12;

export function advisoriesView({ images, nights, sources }: SiteFacts) {
  const open = openAdvisories(images);
  const fixed = fixedAdvisories(nights);
  return {
    frame: frameOf('Advisories', 'advisories.html', { scripts: ['assets/tables.js'] }),
    isAsked: sources.isAdvisoryRead,
    silent: [...new Set(images.flatMap(({ silentRepositories }) => silentRepositories))].toSorted(),
    unasked: sources.unasked.slice(0, 100),
    unaskedCount: sources.unasked.length,
    openCount: open.length,
    open: open.slice(0, maxRows),
    fixedCount: fixed.length,
    fixed: fixed.slice(0, maxRows),
  };
}

function openAdvisories(images: readonly SiteImage[]) {
  const found = new Map<
    string,
    { advisory: NonNullable<SiteImage['advisories']>[number]; on: SiteImage[] }
  >();
  for (const image of images) {
    for (const advisory of image.advisories ?? []) {
      const known = found.get(advisory.id) ?? { advisory, on: [] };
      known.on.push(image);
      found.set(advisory.id, known);
    }
  }
  return [...found.values()]
    .toSorted((a, b) => byUrgency(a.advisory, b.advisory))
    .map(({ advisory: { id, type, severity, cves, title }, on }) => ({
      id,
      kind: isSecurity({ type }) ? 'bad' : 'none',
      severity: isSecurity({ type }) && severity !== 'None' ? severity : type || 'unknown',
      cves: cves.join(' '),
      title,
      count: on.length,
      images: on.slice(0, maxImages).map((image) => ({ name: image.name, href: pageOf(image.id) })),
      others: Math.max(0, on.length - maxImages),
    }));
}

/** Newest night first; an advisory that a night fixed in several images is one row. */
function fixedAdvisories(nights: readonly SiteNight[]) {
  return nights.toReversed().flatMap((night) => {
    const published = night.images.filter(({ outcome }) => outcome === 'published');
    const pairs = published.flatMap(({ recipe, advisories }) =>
      advisories.map((advisory) => ({ recipe, advisory })),
    );
    const byId = Map.groupBy(pairs, ({ advisory }) => advisory.id);
    return [...byId.values()]
      .map((rows) => ({ advisory: rows[0]!.advisory, recipes: rows.map(({ recipe }) => recipe) }))
      .toSorted((a, b) => byUrgency(a.advisory, b.advisory))
      .map(({ advisory: { id, severity, cves, title = '' }, recipes }) => ({
        id,
        severity,
        cves: cves.join(' '),
        title,
        images: recipes.slice(0, maxImages).join(', '),
        others: Math.max(0, recipes.length - maxImages),
        night: { href: nightPage(night), date: night.started.slice(0, 10) },
      }));
  });
}
