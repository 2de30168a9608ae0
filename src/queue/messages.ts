/** The messages between a worker and the process of one of its jobs. */
import type { Failure } from '../lib/errors/wire.ts';
import type { Storage } from '../stages/snapshot/storages.ts';
import type { Stage, StageJob } from './job.ts';
import type { OwnKey, Results } from './stage-work.ts';

/** What the worker sends first, and again when a process that has ended its job takes another. */
export interface Order {
  job: StageJob;
  /** The state directory. */
  state: string;
  storage: Storage;
  allowHostRoot: boolean | undefined;
  /** The key of the sign stage, on this host. Its password is given only when the process requests it. */
  signer: OwnKey | undefined;
}

/** A lease until a deadline, or a refusal. */
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
  | Question
  | { result: Results[Stage] }
  | { failure: Failure }
  /** After a result: the process has forgotten the job, and can take another. */
  | { idle: true };

/** `lease`: before a change that others can see. `password`: of the private key. */
export interface Question {
  ask: 'lease' | 'password';
  /** Of the question: an answer that comes late must not be taken for that to another question. */
  number: number;
}

export type Answer = { to: number } & ({ lease: Lease } | { password: string | undefined });

export type WorkerMessage = { order: Order } | { answer: Answer };

/** The monotonic clock is the same in all processes of a host, and runs while one of them is stopped. */
export function now(): Deadline {
  return { monotonic: Number(process.hrtime.bigint() / 1_000_000n), wall: Date.now() };
}

/** Milliseconds from now; negative once either clock has passed the deadline. */
export function millisecondsTo({ monotonic, wall }: Deadline): number {
  const at = now();
  return Math.min(monotonic - at.monotonic, wall - at.wall);
}
