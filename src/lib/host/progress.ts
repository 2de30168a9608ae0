/** How stages report progress to the user; the commands decide how to show it. */
export interface Progress {
  /** One line: a step that has begun or ended. */
  step(text: string): void;
  /** Progress of a step, done of total in the same unit; may be called very often. */
  update(text: string, done: number, total: number): void;
  /** Something the user should know that is not a failure. */
  warn(text: string): void;
}

export const silent: Progress = { step() {}, update() {}, warn() {} };
