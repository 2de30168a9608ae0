/** Formats what a night did as lines. */
import { flakyRetries, reasonLine, skipLine } from '../stages/report/image-lines.ts';
import type { ImageReport, NightReport } from '../stages/report/night-report.ts';

export function nightLines({ set, images }: NightReport): string[] {
  const busy = images.filter(({ outcome }) => outcome !== 'unchanged');
  if (busy.length === 0) return [`${set}: nothing to do: ${images.length} recipes are up to date`];
  const published = images.filter(({ outcome }) => outcome === 'published');
  return [
    `${set}: ${published.length} of ${images.length} images published`,
    ...busy.flatMap((image) => [`${image.recipe}: ${outcomeOf(image)}`, ...detailsOf(image)]),
  ];
}

function outcomeOf(image: ImageReport): string {
  const { outcome, digest, failure } = image;
  if (outcome === 'published') {
    const flaky = flakyRetries(image);
    return `published ${digest ?? ''}${flaky === undefined ? '' : `, ${flaky}`}`;
  }
  if (outcome !== 'failed' || !failure) return skipLine(image);
  const where = failure.arch === undefined ? failure.stage : `${failure.stage} for ${failure.arch}`;
  return `failed in ${where}: ${failure.code}: ${failure.message}`;
}

function detailsOf({ outcome, reasons, references, failure }: ImageReport): string[] {
  if (outcome === 'published')
    return [...reasons.map((reason) => `  ${reasonLine(reason)}`), ...references.map((one) => `  ${one}`)];
  if (outcome !== 'failed' || !failure) return [];
  return [`  ${failure.hint}`, ...(failure.log === undefined ? [] : [`  ${failure.log}`])];
}
