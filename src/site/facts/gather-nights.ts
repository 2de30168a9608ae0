/** The nights of the state's release sets, without what no page tells of them. */
import { eachNight, setsWithNights } from '../../pipeline/state/nights.ts';
import { outcomes, type ImageReport, type NightReport } from '../../stages/report/night-report.ts';
import type { NightImage, SiteNight } from './site-facts.ts';

/** Throws STATE_INVALID. */
export async function gatherNights(state: string): Promise<SiteNight[]> {
  const nights: SiteNight[] = [];
  for (const set of await setsWithNights(state)) {
    for await (const night of eachNight(state, set)) nights.push(shorten(night));
  }
  return nights.toSorted((a, b) => (`${a.started} ${a.set}` < `${b.started} ${b.set}` ? -1 : 1));
}

function shorten({ set, started, finished, images }: NightReport): SiteNight {
  const counts = outcomes.map((outcome) => [outcome, images.filter((one) => one.outcome === outcome).length]);
  return {
    set,
    started,
    finished,
    outcomes: Object.fromEntries(counts) as SiteNight['outcomes'],
    images: images.filter(({ outcome }) => outcome !== 'unchanged').map(shortenImage),
  };
}

function shortenImage({ packages, former: _former, ...image }: ImageReport): NightImage {
  return { ...image, packages: packages.map(({ changelog: _changelog, ...one }) => one) };
}
