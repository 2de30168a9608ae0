/** What a worker tells of each input. */
export interface Report {
  index: number;
  /** Of the input's bytes. */
  digest: string;
  /** `read`, or the code of the error that it was refused with. */
  outcome: string;
  /** Whether it got as far as the addon, where its subject tells. */
  isInAddon: boolean;
  /** What must not be, with its stack. */
  failure?: string;
  /** MiB, the most that the process has ever had. */
  memory: number;
}

/** MiB of a process, Node's own hundred among them; and those that the sanitizers need. */
export const mostMemory = 500;
