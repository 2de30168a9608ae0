import type { CauseCode } from './verdict.ts';

/** Why a test of an instance ends: a fault of the image, which becomes a cause of its verdict. */
export class Finding extends Error {
  readonly code: CauseCode;
  /** Whose last words are evidence. */
  readonly unit: string | undefined;

  constructor(code: CauseCode, message: string, unit?: string) {
    super(message);
    this.code = code;
    this.unit = unit;
  }
}
