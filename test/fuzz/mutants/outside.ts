/** What leads out, and how it is looked for. */
import { chmodSync, mkdtempSync } from 'node:fs';
import { basename } from 'node:path';
import type { Draft } from './draft.ts';

/**
 * A directory of the host that mutants point links at: a test puts something there and looks at it again. Each run has
 * its own: what an earlier one left, or another does now, is none of its business.
 */
export const outside = mkdtempSync('/var/tmp/milliner-mutants-');
chmodSync(outside, 0o755);

/** Every path that leads out ends with it, so that it can be looked for. */
export const escaped = `escaped-from-${basename(outside)}`;

/** Leads to the root from wherever it stands. */
export const up = '../'.repeat(12);

/** One more file. */
export const added =
  (...paths: string[]) =>
  (draft: Draft): void =>
    paths.forEach((path) => draft.add(path, { content: 'added\n' }));
/** A link, and a file behind it. */
export const behind =
  (path: string, target: string, ...files: string[]) =>
  (draft: Draft): void => {
    draft.add(path, { target });
    for (const file of files) draft.add(file, { content: 'behind a link\n' });
  };
