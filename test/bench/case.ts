/** What a bench measures, and what came of it. */
import type { Usage } from './usage.ts';

/** Of ours divided by the peer's. */
export type Bound = { atLeast: number } | { atMost: number };

/** A run gives a figure in the unit of its case, or what its commands used: seconds, and core-seconds. */
export type Measured = number | Usage;

export interface Case {
  bench: string;
  case: string;
  unit: string;
  /** Must be so; none where the figure is for information. */
  target: Bound | undefined;
  /** What is wanted in the end. */
  aim?: Bound;
  /** The same for the core-seconds of all processes. */
  processor?: { target: Bound; aim?: Bound };
  runs: number;
  /** Of one run of each side, once measured on two cores: the bench tells from them how long it will take. */
  seconds: { ours: number; peer: number };
  /** A function that several cases share is run once a round for all of them. */
  ours: () => Promise<Measured>;
  peer: () => Promise<Measured>;
}

/** Of what a run used; `value` where it gives a single figure. */
export type Figure = 'value' | 'wall' | 'processor' | 'machine';

export interface Outcome {
  bench: string;
  case: string;
  figure: Figure;
  /** Medians. */
  ours: number;
  peer: number;
  ratio: number;
  /** Smallest and largest ratio of a round. */
  spread: [number, number];
  target: string;
  aim: string;
  ok: boolean;
  unit: string;
  runs: { ours: number[]; peer: number[] };
}

export interface Bench {
  cases: Case[];
  /** SVG of what was measured; the cases' ratios unless the bench has more to show. */
  plot?: () => Promise<string>;
  close: () => Promise<void>;
}
