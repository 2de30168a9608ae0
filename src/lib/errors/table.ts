/**
 * Every way Milliner ends other than well, by exit kind: a code, what happened, and what to do about it.
 * Users script against the codes; docs and tests are held to this table.
 */
import type { ExitKind } from './exit-codes.ts';
import { boot, install, reproducibility } from './table/build.ts';
import { input, internal, interrupted, usage } from './table/command.ts';
import { github } from './table/github.ts';
import { host, storage } from './table/host.ts';
import { repository, solve, trust } from './table/packages.ts';
import { queue, release } from './table/queue.ts';
import { altered, otherReference, registry, unbooted, unsigned, wrongKey } from './table/registry.ts';
import type { Row, Rows } from './table/row.ts';

const byKind = {
  internal,
  usage,
  input,
  repository,
  solve,
  trust,
  install,
  host,
  storage,
  reproducibility,
  boot,
  registry,
  unsigned,
  wrongKey,
  altered,
  unbooted,
  queue,
  release,
  otherReference,
  github,
  interrupted,
} satisfies Record<ExitKind, Rows>;

type CodesOf<Kind extends ExitKind> = Kind extends ExitKind ? keyof (typeof byKind)[Kind] : never;
export type ErrorCode = CodesOf<ExitKind>;
/** Codes that are in two kinds, of which one would hide the other. */
type Repeated = { [Kind in ExitKind]: CodesOf<Kind> & CodesOf<Exclude<ExitKind, Kind>> }[ExitKind];

/** Does not compile where a code is repeated. */
function flatten(kinds: [Repeated] extends [never] ? Record<ExitKind, Rows> : Repeated) {
  const rows = Object.entries(kinds).flatMap(([kind, own]) =>
    Object.entries(own).map(([code, row]) => [code, { ...row, kind }]),
  );
  return Object.fromEntries(rows) as Record<ErrorCode, Row & { kind: ExitKind }>;
}

export const errorTable: Readonly<Record<ErrorCode, Row & { kind: ExitKind }>> = flatten(byKind);
