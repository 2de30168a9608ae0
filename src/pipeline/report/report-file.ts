/** Where a rendered report is written. */
import { lstatSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { isBeneath, rootOf } from '../../lib/host/beneath.ts';
import { withoutLinks } from '../../lib/host/files.ts';
import { makeDirectory, requireSafePath } from '../../lib/host/safe-place.ts';

/**
 * Fills `{{date}}` and resolves the name. A relative one is beneath the root of the set, as its recipes are, and no link
 * on the way leads out of there: an author of a change to the set could otherwise have any file of the host replaced. An absolute one
 * is the operator's choice. Throws USAGE, FILE_OUTSIDE, PLACE_UNSAFE.
 */
export function reportPath(directory: string, file: string, date: string): string {
  const filled = file.replaceAll('{{date}}', date);
  if (filled.includes('{{') || filled.includes('\0')) {
    throw new MillinerError('USAGE', `${JSON.stringify(file)}: a name of a report takes {{date}} alone`);
  }
  const path = isAbsolute(filled) ? filled : join(directory, filled);
  const place = withoutLinks(dirname(path));
  const root = rootOf(join(directory, 'set'));
  if (!isAbsolute(filled) && !isBeneath(withoutLinks(root), place)) {
    throw new MillinerError('FILE_OUTSIDE', `the report ${file} would be outside of ${root}`, {
      hint: 'Name a place beneath the root of the set, as its recipes are, or an absolute path.',
      details: { path, directory: root },
    });
  }
  requireSafePath(place);
  return path;
}

/** Readers see the whole report or none. Throws OUTPUT_UNUSABLE, DISK_FULL. */
export async function writeReport(path: string, text: string): Promise<void> {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) throw unusable(path, 'is a directory');
    await makeDirectory(dirname(path), 0o755);
    await writeFileAtomic(path, text);
  } catch (error) {
    if (error instanceof MillinerError) throw error;
    throw unusable(path, `cannot be written: ${(error as NodeJS.ErrnoException).code}`, error);
  }
}

function unusable(path: string, what: string, cause?: unknown): MillinerError {
  return new MillinerError('OUTPUT_UNUSABLE', `${path} ${what}`, {
    cause,
    hint: 'Give another file for the report.',
    details: { path },
  });
}
