/** Size, boot time and update cost over time, of one image and of all. */
import { showSize } from '../../stages/report/amounts.ts';
import { timeOf } from '../facts/gather-images.ts';
import type { SiteBuild, SiteImage, SiteNight } from '../facts/site-facts.ts';
import { showBootTime, showOptionalSize, showTime } from './amounts-shown.ts';
import { sizeOf } from './image-row.ts';

export interface TrendPoint {
  /** ISO 8601. */
  time: string;
  digest?: string | undefined;
  size?: number | undefined;
  ready?: number | undefined;
  /** Bytes that a reader of the build before downloads. */
  update?: number | undefined;
}

/** By recipe: what nights have published. */
export type NightTrends = ReadonlyMap<string, readonly TrendPoint[]>;

export function nightTrends(nights: readonly SiteNight[]): NightTrends {
  const trends = new Map<string, TrendPoint[]>();
  for (const { finished, images } of nights) {
    for (const { recipe, outcome, digest, size, boot, updateBytes } of images) {
      if (outcome !== 'published') continue;
      const points = trends.get(recipe) ?? [];
      points.push({ time: finished, digest, size, ready: boot?.readySeconds, update: updateBytes });
      trends.set(recipe, points);
    }
  }
  return trends;
}

/** Builds of this state, and what its nights have published of it, oldest first. */
export function trendOf(image: SiteImage, trends: NightTrends): TrendPoint[] {
  const ofNights = trends.get(image.name) ?? [];
  const told = new Set(ofNights.map(({ digest }) => digest));
  const builds = [image, ...image.former].toSorted((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1));
  const points = builds.map((build, index) => pointOf(build, builds[index - 1]));
  return [...ofNights, ...points.filter(({ digest }) => !told.has(digest))].toSorted((a, b) =>
    a.time < b.time ? -1 : 1,
  );
}

function pointOf(build: SiteBuild, before: SiteBuild | undefined): TrendPoint {
  const there = new Set(before?.layers.map(({ digest }) => digest));
  const added = build.layers.filter(({ digest }) => !there.has(digest));
  return {
    time: timeOf(build),
    digest: build.digest,
    size: sizeOf(build),
    ready: build.verdict?.readySeconds,
    ...(before && { update: sizeOf({ layers: added }) }),
  };
}

export interface TrendView {
  lines: { label: string; first: string; last: string; path: string; dots: { x: string; y: string }[] }[];
  rows: { time: string; size: string; ready: string; update: string }[];
  more: number;
}

/** Rows of the table; the lines are drawn of all. */
const maxRows = 12;
const area = { width: 300, height: 64, margin: 4 };

export function trendView(points: readonly TrendPoint[]): TrendView {
  return {
    lines: [
      lineOf('Size', points, ({ size }) => size, showSize),
      lineOf('Boot time', points, ({ ready }) => ready, showBootTime),
      lineOf('Update cost', points, ({ update }) => update, showSize),
    ].filter(({ dots }) => dots.length > 1),
    rows: points
      .slice(-maxRows)
      .toReversed()
      .map(({ time, size, ready, update }) => ({
        time: showTime(time),
        size: showOptionalSize(size),
        ready: showBootTime(ready),
        update: showOptionalSize(update),
      })),
    more: Math.max(0, points.length - maxRows),
  };
}

/** The vertical axis begins at zero: a change of a percent then looks like one. */
function lineOf(
  label: string,
  points: readonly TrendPoint[],
  valueOf: (point: TrendPoint) => number | undefined,
  show: (value: number) => string,
): TrendView['lines'][number] {
  const known = points.flatMap((point) => {
    const value = valueOf(point);
    return value === undefined ? [] : [{ at: Date.parse(point.time), value }];
  });
  const [begin, end] = [known[0]?.at ?? 0, known.at(-1)?.at ?? 0];
  const max = Math.max(1e-9, ...known.map(({ value }) => value));
  const dots = known.map(({ at, value }) => ({
    x: fixed(area.margin + ((at - begin) / Math.max(1, end - begin)) * (area.width - 2 * area.margin)),
    y: fixed(area.height - area.margin - (value / max) * (area.height - 2 * area.margin)),
  }));
  return {
    label,
    first: known.length > 0 ? show(known[0]!.value) : '',
    last: known.length > 0 ? show(known.at(-1)!.value) : '',
    path: dots.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join(''),
    dots,
  };
}

const fixed = (value: number) => String(Math.round(value * 10) / 10);
