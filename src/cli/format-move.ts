/** One line for a move of a tag, with digests as short as in `inspect`. */
import type { TagReport } from '../pipeline/report/tag-report.ts';

const shortLength = 'sha256:'.length + 12;

export function formatMove({
  number,
  time,
  reason,
  from,
  to,
  lock,
  note,
  by,
}: TagReport['moves'][number]): string {
  const short = (digest: string) => digest.slice(0, shortLength);
  const columns = [
    String(number).padStart(4),
    new Date(time * 1000).toISOString().replace('.000Z', 'Z'),
    reason.padEnd(11),
    from === undefined || from === to ? short(to) : `${short(from)} -> ${short(to)}`,
    ...(lock === undefined ? [] : [`lock ${short(lock)}`]),
    `by ${by}`,
    ...(note === undefined ? [] : [note]),
  ];
  return columns.join('  ');
}
