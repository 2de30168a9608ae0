/** What is wrong with a template, and where, from what Handlebars throws. */

interface TemplateDetails {
  /** Counted from 1; absent where the library does not say. */
  line?: number | undefined;
  /** Counted from 1. */
  column?: number | undefined;
  /** A name that the values lack, and those that they have. */
  missing?: string;
  known?: string[];
  /** Whether the text ends within a block. */
  isOpen?: boolean;
  cause?: unknown;
}

export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly details: TemplateDetails;

  constructor(message: string, details: TemplateDetails) {
    super(message, { cause: details.cause });
    this.details = details;
  }
}

type LibraryError = Error & { lineNumber?: number; column?: number };

/** @param ofMap what a map is as a text, behind which its names stand */
export function templateErrorOf(error: LibraryError, ofMap: string): TemplateError {
  const [, parsedLine] = /^Parse error on line (\d+)/.exec(error.message) ?? [];
  const line = error.lineNumber ?? (parsedLine === undefined ? undefined : Number(parsedLine));
  const column = error.column === undefined ? undefined : error.column + 1;
  const place = { line, column, cause: error };
  const [, missing, names] =
    new RegExp(`^"(.+?)" not defined in (?:${ofMap})?(\\[.*\\])?`).exec(error.message) ?? [];
  const isOpen = error.message.endsWith("got 'EOF'");
  if (missing === undefined) return new TemplateError(wordsOf(error.message), { ...place, isOpen });
  const known = names === undefined ? [] : (JSON.parse(names) as string[]);
  return new TemplateError(`there is no value ${missing}`, { ...place, missing, known });
}

function wordsOf(message: string): string {
  const [, helper] = /unknown helper (\S+)/.exec(message) ?? [];
  if (helper !== undefined) return `there is no helper ${helper}: if, unless, each, with and lookup are all`;
  if (message.startsWith('The partial')) return 'a template cannot include another one';
  const [, found] = /got '(\w+)'$/.exec(message) ?? [];
  if (found === 'EOF') return 'a block that begins here has no end';
  if (found === 'OPEN_ENDBLOCK') return 'this ends a block that has no begin';
  if (message.startsWith('Parse error')) return 'this is no expression of a template, such as {{name}}';
  return message.replace(/ - \d+:\d+$/, '').split('\n')[0]!;
}
