/** What leads out, and how it is looked for. */
import type { Draft } from './draft.ts';

/** A directory of the host that mutants point links at: a test puts something there and looks at it again. */
export const outside = '/var/tmp/milliner-mutants-outside';

/** Every path that leads out ends with it, so that it can be looked for. */
export const escaped = 'escaped-by-a-mutant';

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
