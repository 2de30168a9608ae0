/** What former nights measured, for the trend of boot time and size. */
import type { FormerNight, NightReport } from './night-report.ts';

/** A week of nights. */
export const formerNights = 7;

/**
 * The report with what the given nights, oldest first, measured of each image. A night in which an image was neither
 * booted nor measured says nothing of it.
 */
export function withFormer(report: NightReport, nights: readonly NightReport[]): NightReport {
  const began = Date.parse(report.started);
  const before = nights.filter(({ started }) => Date.parse(started) < began).slice(-formerNights);
  const images = report.images.map((image) => ({ ...image, former: formerOf(before, image.recipe) }));
  return { ...report, images };
}

function formerOf(nights: readonly NightReport[], recipe: string): FormerNight[] {
  return nights.flatMap(({ started, images }) => {
    const image = images.find((one) => one.recipe === recipe);
    const readySeconds = image?.boot?.readySeconds;
    if (readySeconds === undefined && image?.size === undefined) return [];
    return [
      {
        date: started,
        ...(readySeconds !== undefined && { readySeconds }),
        ...(image?.size !== undefined && { size: image.size }),
      },
    ];
  });
}
