/** Trends over all nights: what the charts draw, and the same as a table. */
import { showSize } from '../../stages/report/amounts.ts';
import type { TrendsData } from '../page/site-data.ts';
import type { NightImage, SiteNight } from '../facts/site-facts.ts';
import { showOptionalSize } from './amounts-shown.ts';
import { nightPage } from './night-view.ts';
import { frameOf } from './page-frame.ts';

/** Rows of the table, by month. */
const maxMonths = 24;

export function trendsData(nights: readonly SiteNight[]): TrendsData {
  const sets = [...new Set(nights.map(({ set }) => set))].toSorted();
  const [sizes, boots] = [
    new Latest(nights, ({ size }) => size),
    new Latest(nights, ({ boot }) => boot?.readySeconds),
  ];
  return {
    sets,
    nights: nights.map((night) => {
      const [allSizes, allBoots] = [sizes.after(night), boots.after(night)];
      const update = sum(night.images.map(({ updateBytes = 0 }) => updateBytes));
      const { published, failed } = night.outcomes;
      const size = allSizes.length === 0 ? null : sum(allSizes);
      return [
        Date.parse(night.started),
        sets.indexOf(night.set),
        published,
        failed,
        update,
        size,
        median(allBoots),
      ];
    }),
  };
}

/**
 * The latest value of each recipe. A night tells only of the images that it made, so the others keep theirs; and one that
 * no night has told of yet has its first, or the sum would grow as if images came into being.
 */
class Latest {
  readonly #values = new Map<string, number>();
  readonly #valueOf: (image: NightImage) => number | undefined;

  constructor(nights: readonly SiteNight[], valueOf: (image: NightImage) => number | undefined) {
    this.#valueOf = valueOf;
    for (const night of nights.toReversed()) this.after(night);
  }

  after({ images }: SiteNight): number[] {
    for (const image of images) {
      const value = this.#valueOf(image);
      if (value !== undefined) this.#values.set(image.recipe, value);
    }
    return [...this.#values.values()];
  }
}

function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
}

export function trendsView(nights: readonly SiteNight[]) {
  const { nights: rows } = trendsData(nights);
  const months = Map.groupBy(
    rows.map((row, index) => ({ row, night: nights[index]! })),
    ({ night }) => night.started.slice(0, 7),
  );
  return {
    frame: frameOf('Trends', 'trends.html', {
      scripts: ['data/images.js', 'data/trends.js', 'assets/echarts.js', 'assets/trends.js'],
    }),
    count: nights.length,
    months: [...months]
      .toReversed()
      .slice(0, maxMonths)
      .map(([month, entries]) => ({
        month,
        href: nightPage(entries.at(-1)!.night),
        nights: entries.length,
        published: sum(entries.map(({ row }) => row[2])),
        failed: sum(entries.map(({ row }) => row[3])),
        update: showSize(sum(entries.map(({ row }) => row[4]))),
        size: showOptionalSize(entries.at(-1)!.row[5] ?? undefined),
      })),
  };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
