/** Formats the plan of a night as lines. */
import type { NightPlan } from '../pipeline/night/plan-night.ts';
import type { PlannedAdvisory, PlannedImage, Reason } from '../stages/night/planned-image.ts';

export function planLines(plan: NightPlan): string[] {
  const { set, images, unchanged, failed, skipped } = plan;
  const total = images.length + unchanged.length + failed.length + skipped.length;
  const isIdle = images.length + failed.length + skipped.length === 0;
  return [
    isIdle
      ? `${set}: nothing to do: ${total} recipes are up to date`
      : `${set}: ${images.length} of ${total} images, in this order:`,
    ...images.flatMap(imageLines),
    ...failed.flatMap(({ recipe, arch, code, message, hint }) => [
      `${recipe}${arch === undefined ? '' : ` (${arch})`}: ${code}: ${message}`,
      `  ${hint}`,
    ]),
    ...skipped.map(({ recipe, base }) => `${recipe}: skipped, because ${base} failed`),
  ];
}

function imageLines({ recipe, arches, priority, updateBytes, reasons, advisories }: PlannedImage): string[] {
  const urgent = priority === 'high' ? '  urgent' : '';
  const known = new Map(advisories.map((one) => [one.id, one]));
  return [
    `${recipe}  ${arches.join(', ')}  ${(updateBytes / 1e6).toFixed(1)} MB${urgent}`,
    ...reasons.flatMap((reason) => reasonLines(reason, known)),
  ];
}

function reasonLines(reason: Reason, known: ReadonlyMap<string, PlannedAdvisory>): string[] {
  if (reason.kind === 'base') return [`  base ${reason.base}`];
  if (reason.kind === 'recipe') return ['  the recipe has changed since its lock'];
  if (reason.kind === 'statement') return ['  what is stated of its tags is renewed'];
  if (reason.kind === 'unpublished') return ['  its lock was not published yet'];
  const { from, to, advisories } = reason;
  const change =
    from === undefined
      ? `+ ${to}`
      : to === undefined
        ? `- ${from}`
        : `~ ${from} -> ${from === to ? 'another file' : to}`;
  const fixed = advisories.flatMap((id) => known.get(id) ?? []);
  return [
    `  ${change}`,
    ...fixed.map(({ id, type, severity, cves }) => `    ${[id, type, severity, ...cves].join(' ')}`),
  ];
}
