import type { CauseCode } from './verdict.ts';

/** Ends the test of an instance: a fault of the image, which becomes a cause of its verdict. */
export class Finding extends Error {
  readonly code: CauseCode;
  /** The unit whose last log lines are evidence. */
  readonly unit: string | undefined;

  constructor(code: CauseCode, message: string, unit?: string) {
    super(message);
    this.code = code;
    this.unit = unit;
  }
}
