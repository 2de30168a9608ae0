/** What holding one thing against its truth comes to, and the counts of a whole run. */

export type Outcome = { subject: string } & (
  | { result: 'passed' }
  /** Refused by the real tool, and by ours. */
  | { result: 'refused' }
  | { result: 'failed'; difference: readonly string[] }
  | { result: 'not applicable'; reason: string }
);

/** A kind of check; `outcomes` finds its own work in the corpus and gives one outcome for each thing it looked at. */
export interface Kind {
  name: string;
  outcomes(corpus: Corpus): AsyncIterable<Outcome>;
}

/** The directory under test. */
export interface Corpus {
  directory: string;
  /** Every file at any depth, relative to the directory, sorted. */
  files: readonly string[];
  /** Where a check may write. */
  work: string;
}

export interface Count {
  passed: number;
  failed: number;
  refused: number;
  notApplicable: number;
  /** How many of them for each reason. */
  reasons: Record<string, number>;
  /** The first difference in detail. */
  first?: { subject: string; difference: readonly string[] };
}

export const emptyCount = (): Count => ({ passed: 0, failed: 0, refused: 0, notApplicable: 0, reasons: {} });

export function add(count: Count, outcome: Outcome): void {
  if (outcome.result === 'not applicable') {
    count.notApplicable += 1;
    count.reasons[outcome.reason] = (count.reasons[outcome.reason] ?? 0) + 1;
    return;
  }
  count[outcome.result] += 1;
  if (outcome.result === 'failed')
    count.first ??= { subject: outcome.subject, difference: outcome.difference };
}

/** The outcome of a comparison that gives a line for each difference. */
export function compared(subject: string, difference: readonly string[]): Outcome {
  return difference.length === 0 ? { subject, result: 'passed' } : { subject, result: 'failed', difference };
}
