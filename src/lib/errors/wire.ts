/** An error as data, and back: between processes, and in the queue. */
import { MillinerError, type ErrorCode } from './error.ts';

/** Characters that one failure may take in Redis. */
export const maxFailureLength = 16_384;

export interface Failure {
  code: ErrorCode;
  message: string;
  hint: string;
  details?: Record<string, unknown>;
}

export function failureOf(error: unknown): Failure {
  const known =
    error instanceof MillinerError
      ? error
      : new MillinerError('INTERNAL', error instanceof Error ? error.message : String(error));
  const { code, hint, details } = known;
  const message = known.message.slice(0, maxFailureLength / 2);
  const fits = JSON.stringify(details).length < maxFailureLength / 2 && Object.keys(details).length > 0;
  return { code, message, hint, ...(fits && { details }) };
}

/** The error that failureOf described. */
export function errorFrom({ code, message, hint, details }: Failure): MillinerError {
  return new MillinerError(code, message, { hint, ...(details && { details }) });
}
