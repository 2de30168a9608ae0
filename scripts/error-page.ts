/** docs/errors.md: every code of the table, with an anchor of its own, by its exit code. */
import { errorTable, exitCodes, type ErrorCode } from '../src/lib/errors/error.ts';
import { sentence, sentences, spaced } from './markdown.ts';

export function errorPage(): string {
  const codes = Object.keys(errorTable) as ErrorCode[];
  const kinds = Object.entries(exitCodes).map(([kind, exit]) => {
    const own = codes.filter((code) => errorTable[code].kind === kind);
    return [`## Exit code ${exit}: ${spaced(kind)}`, ...own.map(entryOf)].join('\n\n');
  });
  return [
    '# Errors',
    '<!-- Generated from the table of errors by `npm run build`; do not edit. -->',
    'Every error has a code, a message and a hint; with `--json` the answer is `{"error": {"code", "message", "hint", "details"}}`.',
    'An error in a file of yours also has the `file`, `line` and `column` of the first mistake, and a `suggestion` where there is one; all mistakes are in `details.faults`.',
    'The exit code tells the kind.',
    ...kinds,
    '',
  ].join('\n\n');
}

function entryOf(code: ErrorCode): string {
  const { summary, hint, retryable } = errorTable[code];
  const again = retryable ? '\n\nThe same work may succeed later: the queue tries again.' : '';
  return `### ${code}\n\n${sentence(summary)}\n\n${sentences(hint)}${again}`;
}
