/** Trends over all nights: what the charts draw, and the same as a table. */
import { showSize } from '../../stages/report/amounts.ts';
import type { TrendsData } from '../page/site-data.ts';
import type { SiteNight } from '../facts/site-facts.ts';
import { showOptionalSize } from './amounts-shown.ts';
import { nightPage } from './night-view.ts';
import { frameOf } from './page-frame.ts';

/** Rows of the table, by month. */
const maxMonths = 24;

export function trendsData(nights: readonly SiteNight[]): TrendsData {
  const sets = [...new Set(nights.map(({ set }) => set))].toSorted();
  const sizes = new Map<string, number>();
  return {
    sets,
    nights: nights.map((night) => {
      // A night tells the sizes of the images that it made; the others keep theirs.
      for (const { recipe, size } of night.images) if (size !== undefined) sizes.set(recipe, size);
      const total = sizes.size === 0 ? null : [...sizes.values()].reduce((sum, size) => sum + size, 0);
      const update = night.images.reduce((sum, { updateBytes = 0 }) => sum + updateBytes, 0);
      const { published, failed } = night.outcomes;
      return [Date.parse(night.started), sets.indexOf(night.set), published, failed, update, total];
    }),
  };
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
