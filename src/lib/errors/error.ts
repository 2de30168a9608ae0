/** The error that every code of the table is thrown as. */
import { exitCodes } from './exit-codes.ts';
import { errorTable, type ErrorCode } from './table.ts';

export { exitCodes } from './exit-codes.ts';
export { errorTable, type ErrorCode } from './table.ts';

export interface ErrorOptions {
  /** Replaces the table's general advice where the place knows better. */
  hint?: string;
  cause?: unknown;
  /** Facts for --json: names, paths, digests. Never secrets. */
  details?: Record<string, unknown>;
}

/** For --json: where the error is in a file, and what was probably meant. */
interface Place {
  file?: string;
  line?: number | undefined;
  column?: number | undefined;
  suggestion?: string;
}

export class MillinerError extends Error {
  override readonly name = 'MillinerError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? errorTable[code].hint;
    this.details = options.details ?? {};
  }

  /** Of the first mistake in a file of the user's; empty for any other error. */
  get place(): Place {
    const { path, faults } = this.details as { path?: string; faults?: readonly Omit<Place, 'file'>[] };
    const [first] = faults ?? [];
    const suggestion = first?.suggestion ?? this.details['suggestion'];
    return {
      ...(path !== undefined && first && { file: path, line: first.line, column: first.column }),
      ...(typeof suggestion === 'string' && { suggestion }),
    };
  }

  get exitCode(): number {
    return exitCodes[errorTable[this.code].kind];
  }
}
