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

  get exitCode(): number {
    return exitCodes[errorTable[this.code].kind];
  }
}
