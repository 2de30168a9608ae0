/** What the table of errors says of each code. Its exit kind is the table that the row is in. */
export interface Row {
  /** What happened, without names: the message of one error adds those. Ends without a full stop. */
  summary: string;
  /** What to do: the default hint of an error with this code. Sentences with a full stop. */
  hint: string;
  /** The same work may succeed later, so the queue tries again. */
  retryable?: true;
}

export type Rows = Readonly<Record<string, Row>>;
