/** What a worker and the process of one of its jobs say to each other. */
import type { Failure, StageJob } from './job.ts';

/** What the worker sends first. */
export interface Order {
  job: StageJob;
  /** The state directory. */
  state: string;
  /** Of the private key, for the stage that signs: by this channel alone. */
  password: string | undefined;
  /** Where this host has the key. */
  keyPath: string | undefined;
}

/** The answer to `ask`: leave until a time of the monotonic clock, in milliseconds, or a refusal. */
export type Grant = { until: number } | { refused: Failure };

export type Told =
  | { step: string }
  | { warn: string }
  | { update: { text: string; done: number; total: number } }
  /** Whether it may change what others see. */
  | { ask: true }
  | { result: object }
  | { failure: Failure };

/** The same for all processes of a host, and it goes on while one of them is stopped. */
export function monotonicMilliseconds(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
