/** Formats changelog entries as lines. */
import type { ChangelogEntry } from '../pipeline/packages/changelog.ts';

export function changelogLines(entries: readonly ChangelogEntry[] | undefined): string[] {
  return (entries ?? []).flatMap(({ time, author, text }) => [
    `* ${new Date(time * 1000).toISOString().slice(0, 10)} ${author}`,
    ...text.split('\n').map((line) => `  ${line}`),
  ]);
}
