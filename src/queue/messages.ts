/** What a worker and the process of one of its jobs say to each other. */
import type { Failure } from '../lib/errors/wire.ts';
import type { Storage } from '../stages/snapshot/open-snapshotter.ts';
import type { Stage, StageJob } from './job.ts';
import type { Results } from './stages.ts';

/** What the worker sends first. */
export interface Order {
  job: StageJob;
  /** The state directory. */
  state: string;
  storage: Storage;
  allowHostRoot: boolean | undefined;
  /** Of the private key, for the stage that signs: by this channel alone. */
  password: string | undefined;
  /** Where this host has the key. */
  keyPath: string | undefined;
}

/** The answer to `ask`: leave for a while, or a refusal. */
export type Grant = { until: Deadline } | { refused: Failure };

/** In milliseconds, by two clocks: one that nobody sets, and one that goes on while the machine sleeps. */
export interface Deadline {
  monotonic: number;
  wall: number;
}

export type Told =
  | { step: string }
  | { warn: string }
  | { update: { text: string; done: number; total: number } }
  /** Whether it may change what others see. */
  | { ask: true }
  | { result: Results[Stage] }
  | { failure: Failure };

/** The monotonic clock is the same for all processes of a host, and goes on while one of them is stopped. */
export function now(): Deadline {
  return { monotonic: Number(process.hrtime.bigint() / 1_000_000n), wall: Date.now() };
}

/** Of now; negative once either clock has passed it. */
export function millisecondsTo({ monotonic, wall }: Deadline): number {
  const at = now();
  return Math.min(monotonic - at.monotonic, wall - at.wall);
}
