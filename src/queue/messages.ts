/** The messages between a worker and the process of one of its jobs. */
import type { Failure } from '../lib/errors/wire.ts';
import type { Storage } from '../stages/snapshot/open-snapshotter.ts';
import type { Stage, StageJob } from './job.ts';
import type { Results } from './stage-work.ts';

/** What the worker sends first. */
export interface Order {
  job: StageJob;
  /** The state directory. */
  state: string;
  storage: Storage;
  allowHostRoot: boolean | undefined;
  /** Password of the private key, for the sign stage. It passes through this channel alone. */
  password: string | undefined;
  /** Path of the key on this host. */
  keyPath: string | undefined;
}

/** The answer to `ask`: a lease until a deadline, or a refusal. */
export type Lease = { until: Deadline } | { refused: Failure };

/**
 * Milliseconds on two clocks: a monotonic one that cannot be set, and a wall clock that runs while the machine sleeps.
 */
export interface Deadline {
  monotonic: number;
  wall: number;
}

export type JobMessage =
  | { step: string }
  | { warn: string }
  | { update: { text: string; done: number; total: number } }
  /** Requests a lease before a change that others can see. */
  | { ask: true }
  | { result: Results[Stage] }
  | { failure: Failure };

/** The monotonic clock is the same in all processes of a host, and runs while one of them is stopped. */
export function now(): Deadline {
  return { monotonic: Number(process.hrtime.bigint() / 1_000_000n), wall: Date.now() };
}

/** Milliseconds from now; negative once either clock has passed the deadline. */
export function millisecondsTo({ monotonic, wall }: Deadline): number {
  const at = now();
  return Math.min(monotonic - at.monotonic, wall - at.wall);
}
