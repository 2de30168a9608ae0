/** The log of a worker. The command decides on the format. */
export interface Subject {
  /** Id of the command that queued the release. */
  run?: string | undefined;
  release?: string | undefined;
  recipe?: string | undefined;
  job?: string | undefined;
}

type Level = 'info' | 'warn' | 'error';

export type Log = (level: Level, message: string, subject?: Subject) => void;
