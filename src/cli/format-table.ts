/** Columns of text, as wide as their content; on a terminal, rows are cut to its width. */
import { stripVTControlCharacters } from 'node:util';
import prettyBytes from 'pretty-bytes';

const gap = '  ';

/** @param width columns of the terminal; undefined for a file or pipe, which get whole rows */
export function tableLines(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string[] {
  const all = [head, ...rows].map((row) => row.map((cell) => stripVTControlCharacters(cell)));
  const widths = head.map((_, at) => Math.max(...all.map((row) => row[at]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join(gap)
      .trimEnd();
  return all.map((row) => cut(line(row), width));
}

function cut(line: string, width: number | undefined): string {
  return width === undefined || line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}

/** Of a digest: as much as people compare. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

/** Decimal, as podman and docker show sizes. */
export const sizeText = (bytes: number): string => prettyBytes(bytes);

const spans: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];
const relative = new Intl.RelativeTimeFormat('en');

/** How long ago, in the largest unit: `3 days ago`. */
export function ageText(time: Date, now = new Date()): string {
  const seconds = Math.max(0, (now.getTime() - time.getTime()) / 1000);
  const [unit, length] = spans.find(([, one]) => seconds >= one) ?? (['second', 1] as const);
  return relative.format(-Math.floor(seconds / length), unit);
}
