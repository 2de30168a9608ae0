/** What holding one thing against its truth comes to, and the counts of a whole run. */

export type Outcome = { subject: string } & (
  | { result: 'passed' }
  /** Refused by the real tool, and by ours. */
  | { result: 'refused' }
  | { result: 'failed'; difference: readonly string[] }
  /** It differs, and a documented rule says that it does. */
  | { result: 'explained'; reason: string }
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
  explained: number;
  notApplicable: number;
  /** How many are explained or not applicable, for each reason. */
  reasons: Record<string, number>;
  /** The first difference in detail. */
  first?: { subject: string; difference: readonly string[] };
}

export const emptyCount = (): Count => ({
  passed: 0,
  failed: 0,
  refused: 0,
  explained: 0,
  notApplicable: 0,
  reasons: {},
});

export function add(count: Count, outcome: Outcome): void {
  const { result, subject } = outcome;
  count[result === 'not applicable' ? 'notApplicable' : result] += 1;
  if (result === 'failed') count.first ??= { subject, difference: outcome.difference };
  if (result !== 'explained' && result !== 'not applicable') return;
  const reason = `${result}: ${outcome.reason}`;
  count.reasons[reason] = (count.reasons[reason] ?? 0) + 1;
}

/** The outcome of a comparison that gives a line for each difference. */
export function compared(subject: string, difference: readonly string[]): Outcome {
  return difference.length === 0 ? { subject, result: 'passed' } : { subject, result: 'failed', difference };
}

/** What breaks instead of giving an answer is a difference too, and no end of the run. */
export async function attempt(subject: string, check: () => Promise<Outcome>): Promise<Outcome> {
  return check().catch((error: unknown) => broken(subject, error));
}

export function broken(subject: string, error: unknown): Outcome {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { subject, result: 'failed', difference: text.split('\n') };
}
