/** Mistakes in a file of the user's, each with its place, as one error. */
import { isAbsolute, relative } from 'node:path';
import { MillinerError, type ErrorCode } from '../errors/error.ts';
import { drawFrame, frameWidth, wrapped, type Spot } from './line-frame.ts';

/** What is wrong, in words. */
export interface Wrong {
  text: string;
  /** What was probably meant, as it would stand in the file. */
  suggestion?: string | undefined;
  /** What to do about it. Default: the suggestion. */
  note?: string | undefined;
}

export interface Mistake extends Wrong, Omit<Spot, 'file'> {
  /** Path of the key, with dots between its parts; empty for the file as a whole. */
  key: string;
}

export interface MistakeOptions {
  /** How many are shown; of the others the message says nothing if that is given. */
  shown?: number;
  hint?: string | undefined;
  cause?: unknown;
  details?: Record<string, unknown>;
}

/** Of a file full of mistakes the first help; all of them are in the details. */
const maxFrames = 8;

export function mistakesError(
  code: ErrorCode,
  path: string,
  mistakes: readonly Mistake[],
  { shown: count, hint, cause, details }: MistakeOptions = {},
): MillinerError {
  const shown = mistakes.slice(0, count ?? maxFrames).map((one, index) => {
    const first = index === 0 ? frameWidth - code.length - 2 : frameWidth;
    const text = one.key === '' ? one.text : `${one.key}: ${one.text}`;
    return `${wrapped(text, frameWidth, '  ', first)}\n${drawFrame({ ...one, file: shownPath(path) }, notesOf(one))}`;
  });
  const more = count === undefined ? mistakes.length - shown.length : 0;
  const rest = more > 0 ? [`and ${more} more`] : [];
  const faults = mistakes.map(({ line, column, key, text, suggestion }) => ({
    line,
    column,
    key,
    text,
    ...(suggestion !== undefined && { suggestion }),
  }));
  return new MillinerError(code, [...shown, ...rest].join('\n\n'), {
    ...(hint !== undefined && { hint }),
    cause,
    details: { path, faults, ...details },
  });
}

function notesOf({ suggestion, note }: Wrong): string[] {
  if (note !== undefined) return [note];
  return suggestion === undefined ? [] : [`did you mean ${suggestion}?`];
}

/** As the user would name it from where the command runs. */
export function shownPath(path: string): string {
  const here = relative(process.cwd(), path);
  return here === '' || here.startsWith('../') || isAbsolute(here) ? path : here;
}
