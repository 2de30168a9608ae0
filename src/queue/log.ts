/** What a worker tells while it works; the command decides how it looks. */
export interface Subject {
  /** Of the command that queued the release. */
  run?: string | undefined;
  release?: string | undefined;
  recipe?: string | undefined;
  job?: string | undefined;
}

export type Level = 'info' | 'warn' | 'error';

export type Log = (level: Level, message: string, subject?: Subject) => void;
