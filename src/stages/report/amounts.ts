/** Amounts of a report as people read them. */

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** As `lock` shows sizes: in powers of 1000. */
export function showSize(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power > 0 ? 1 : 0)} ${units[power]}`;
}

export function showSeconds(seconds: number): string {
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

/** Milliseconds as hours, minutes and seconds, the two greatest of them. */
export function showDuration(milliseconds: number): string {
  const whole = Math.max(0, Math.round(milliseconds / 1000));
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds} s` : `${seconds} s`;
}

/** A value beside the median of former ones: one slow night does not move a median. */
export function showTrend(
  value: number,
  former: readonly (number | undefined)[],
  show: (value: number) => string,
): string {
  const known = former.filter((one) => one !== undefined).toSorted((a, b) => a - b);
  if (known.length === 0) return show(value);
  const middle = median(known);
  const nights = known.length === 1 ? '1 night' : `${known.length} nights`;
  const change = middle === 0 ? '' : `, ${percent(value / middle - 1)}`;
  return `${show(value)} (median of ${nights}: ${show(middle)}${change})`;
}

function median(sorted: readonly number[]): number {
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

function percent(share: number): string {
  const rounded = Math.round(share * 100);
  return `${rounded > 0 ? '+' : ''}${rounded}%`;
}
