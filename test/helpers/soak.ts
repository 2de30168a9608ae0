/** What CI runs of long lists: a share, and another one each day. The soak runs all of them. */
export const soak = process.env['MILLINER_SOAK'] !== undefined;

/** Counted through, so that a change of the month leaves no share out. A seed stands for a day. */
export const today = Number(process.env['MILLINER_SEED'] ?? Math.floor(Date.now() / 86_400_000));

/** Each of them is run once in so many days. */
export function shareOfDay<T>(all: readonly T[], days: number): T[] {
  return all.filter((_, index) => soak || index % days === today % days);
}

/** What isolates instances today, in tests that hold for each backend alike. */
export const backendOfDay = today % 2 === 0 ? 'nspawn' : 'auto';
