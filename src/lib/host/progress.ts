/** How stages tell the person who waits what goes on; the commands decide how it looks. */
export interface Progress {
  /** One line of the story: what has begun or ended. */
  step(text: string): void;
  /** Work under way: done of total, in the same unit; may be called very often. */
  update(text: string, done: number, total: number): void;
  /** Something the user should know that is not a failure. */
  warn(text: string): void;
}

export const silent: Progress = { step() {}, update() {}, warn() {} };
