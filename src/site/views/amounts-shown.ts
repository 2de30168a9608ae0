/** Amounts, times and digests as pages show them. */
import { showSeconds, showSize } from '../../stages/report/amounts.ts';

export const absent = '–';

/** In UTC, to the minute. */
export function showTime(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}

export function showBootTime(seconds: number | undefined): string {
  return seconds === undefined ? absent : showSeconds(seconds);
}

export function showOptionalSize(bytes: number | undefined): string {
  return bytes === undefined ? absent : showSize(bytes);
}

export function shortDigest(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12);
}

/** `1 package`, `3 packages`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A share of the whole in percent, as an attribute of SVG. */
export function percent(part: number, whole: number): string {
  return whole <= 0 ? '0' : String(Math.round((part / whole) * 10_000) / 100);
}
