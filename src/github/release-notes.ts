/** The notes of a release: what was published, how to verify it, and what changed since the image before. */
import { fillTemplate } from '../lib/host/template.ts';
import type { Digest } from '../lib/oci/digest.ts';
import { showSeconds, showSize } from '../stages/report/amounts.ts';
import { escapeAll, escapers } from '../stages/report/escape-text.ts';
import { changeLine, reasonLine } from '../stages/report/image-lines.ts';
import type { ImageReport } from '../stages/report/night-report.ts';
import { byUrgency } from '../lib/rpm/severity.ts';
import { readTemplate } from './github-template.ts';
import { verifyCommands } from './verify-commands.ts';

/** GitHub takes 125,000 characters, of which each may have four bytes; a page beyond this loads slowly. */
const maxNotesLength = 60_000;
/** The asset with all that the notes leave out. */
export const wholeNotesFile = 'changes.md';

export interface ReleaseNotes {
  body: string;
  /** All of it, where the body has a part. */
  whole?: string;
}

/** Of an image that was published; `started` is when its night began. */
export async function releaseNotes(
  image: ImageReport & { digest: Digest },
  started: string,
): Promise<ReleaseNotes> {
  const template = await readTemplate('release');
  const view = notesView(image, started);
  const fill = (rows: number) => fillTemplate(template, { ...shortened(view, rows) });
  const { length } = view.packages;
  const body = longestWithin(fill, length + view.advisories.length);
  const whole = fill(Number.POSITIVE_INFINITY);
  return body === whole ? { body } : { body, whole };
}

/** Each half of the rows that still do not fit is left out; without rows it fits. */
function longestWithin(fill: (rows: number) => string, all: number): string {
  for (let rows = all; ; rows = Math.floor(rows / 2)) {
    const text = fill(rows);
    if (text.length <= maxNotesLength || rows === 0) return text.slice(0, maxNotesLength).toWellFormed();
  }
}

type NotesView = ReturnType<typeof notesView>;

function notesView(image: ImageReport & { digest: Digest }, started: string) {
  const { recipe, arches, digest, previous, references, updateBytes, size, boot } = image;
  const markdown = escapers.markdown;
  const optional = (value: string | undefined) => (value === undefined ? [] : [value]);
  const texts = {
    recipe,
    arches: arches.join(', '),
    date: started.slice(0, 10),
    references,
    reasons: image.reasons.map(reasonLine),
    update: optional(updateBytes === undefined ? undefined : showSize(updateBytes)),
    size: optional(size === undefined ? undefined : showSize(size)),
    boot: optional(boot && showSeconds(boot.readySeconds)),
    packages: image.packages.map(({ name, arch, from, to }) => ({
      name,
      arch,
      change: changeLine(from, to),
    })),
    advisories: image.advisories
      .toSorted(byUrgency)
      .map(({ id, severity, cves, title = '' }) => ({ id, severity, cves, title })),
  };
  // Digests and commands stand in code, where an escape would be read as text; their form leaves nothing to escape.
  const codes = { digest, previous: optional(previous), commands: verifyCommands(references, digest) };
  return { ...escapeAll(texts, markdown), ...codes };
}

/** Advisories come first: they are the reason to update. */
function shortened(view: NotesView, rows: number) {
  const advisories = view.advisories.slice(0, rows);
  const packages = view.packages.slice(0, Math.max(0, rows - advisories.length));
  const missing = view.advisories.length + view.packages.length - advisories.length - packages.length;
  const rest = missing > 0 ? [`${missing} more rows are in ${wholeNotesFile}, a file of this release.`] : [];
  return { ...view, advisories, packages, rest };
}
