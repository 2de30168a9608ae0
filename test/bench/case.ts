/** What a bench measures, and what came of it. */

export interface Case {
  bench: string;
  case: string;
  unit: string;
  /** Of ours divided by the peer's; none where the figure is for information. */
  target: { atLeast: number } | { atMost: number } | undefined;
  runs: number;
  ours: () => Promise<number>;
  peer: () => Promise<number>;
}

export interface Outcome {
  bench: string;
  case: string;
  /** Medians. */
  ours: number;
  peer: number;
  ratio: number;
  target: string;
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
