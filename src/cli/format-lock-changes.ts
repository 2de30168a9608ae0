/** Formats the changes of a lock as lines. */
import type { SetChanges } from '../pipeline/lock/lock-changes.ts';
import type { ChangelogEntry } from '../pipeline/packages/changelog.ts';
import { changelogLines } from './format-changelog.ts';

export function summaryLine(what: string, changes: SetChanges): string {
  const { added, removed, updated, downgraded, rebuilt } = changes;
  const counts = Object.entries({ added, removed, updated, downgraded, rebuilt })
    .filter(([, list]) => list.length > 0)
    .map(([word, list]) => `${list.length} ${word}`);
  return `${what}: ${counts.length > 0 ? counts.join(', ') : 'unchanged'}`;
}

export function changeLines({ added, removed, updated, downgraded, rebuilt }: SetChanges): string[] {
  const moved = (list: readonly { from: string; to: string; changelog?: ChangelogEntry[] }[], sign: string) =>
    list.flatMap(({ from, to, changelog }) => [
      `${sign} ${from} -> ${to}`,
      ...changelogLines(changelog).map((line) => `  ${line}`),
    ]);
  return [
    ...added.map((nevra) => `+ ${nevra}`),
    ...removed.map((nevra) => `- ${nevra}`),
    ...moved(updated, '~'),
    ...moved(downgraded, '<'),
    ...rebuilt.map((nevra) => `= ${nevra} (another file)`),
  ];
}
