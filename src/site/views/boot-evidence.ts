/** What one instance has left to see: its units as bars, what it used of its limits, its ports, what its journal counts. */
import { bytesOf } from '../../stages/recipe/quantities.ts';
import { showSeconds, showSize } from '../../stages/report/amounts.ts';
import type { Comparison, UnitTimes } from '../../stages/boot/evidence.ts';
import type { InstanceReport, Verdict } from '../../stages/boot/verdict.ts';
import { percent, showTime, shortDigest } from './amounts-shown.ts';

/** Units that a page shows: those that took time, or failed. */
const maxUnits = 200;
/** Seconds; what starts faster is no bar to see. */
const shortest = 0.005;

export interface EvidenceView {
  stages: string;
  units: UnitRow[];
  unitScale: string;
  /** Units that are left out. */
  otherUnits: number;
  limits: LimitRow[];
  ports: { port: string; address: string }[];
  counts: { priority: string; count: number }[];
}

interface UnitRow {
  unit: string;
  state: string;
  isBad: boolean;
  at: string;
  took: string;
  /** Percent of the time line: while it started, and while it was active. */
  x: string;
  width: string;
  activeX: string;
  activeWidth: string;
}

interface LimitRow {
  limit: string;
  used: string;
  allowed: string;
  /** Percent; empty where there is no limit to hold it against. */
  share: string;
}

export function evidenceView(report: InstanceReport, plan: Verdict['plan']): EvidenceView {
  const { units = [], stages = [], ports = [], journalCounts } = report;
  return {
    stages: stages.map(({ stage, seconds }) => `${stage} ${showSeconds(seconds)}`).join(' + '),
    ...unitRows(units),
    limits: limitRows(report, plan),
    ports: ports.map(({ protocol, port, address }) => ({ port: `${protocol} ${port}`, address })),
    counts: Object.entries(journalCounts ?? {})
      .filter(([, count]) => count > 0)
      .map(([priority, count]) => ({ priority, count })),
  };
}

/** When it had started: an active unit then, a program that runs once at its end. */
const startedAt = ({ start, active, end }: UnitTimes) => active ?? end ?? start;

function unitRows(units: readonly UnitTimes[]): Pick<EvidenceView, 'units' | 'unitScale' | 'otherUnits'> {
  const shown = units
    .filter((one) => one.state === 'failed' || startedAt(one) - one.start >= shortest)
    .slice(0, maxUnits);
  const total = Math.max(0.001, ...shown.map(startedAt));
  return {
    unitScale: showSeconds(total),
    otherUnits: units.length - shown.length,
    units: shown.map((one) => {
      const started = startedAt(one);
      const until = Math.min(total, one.active === undefined ? started : (one.stop ?? total));
      return {
        unit: one.unit,
        state: one.state,
        isBad: one.state === 'failed',
        at: showSeconds(one.start),
        took: showSeconds(started - one.start),
        x: percent(one.start, total),
        // A bar of no width would be no bar.
        width: percent(Math.max(started - one.start, total / 200), total),
        activeX: percent(started, total),
        activeWidth: percent(Math.max(0, until - started), total),
      };
    }),
  };
}

function limitRows({ peakMemory, used = {} }: InstanceReport, { limits }: Verdict['plan']): LimitRow[] {
  const row = (
    limit: string,
    value: number | undefined,
    show: (value: number) => string,
    bound?: number,
  ): LimitRow[] =>
    value === undefined
      ? []
      : [
          {
            limit,
            used: show(value),
            allowed: bound === undefined ? '' : show(bound),
            share: bound === undefined ? '' : percent(Math.min(value, bound), bound),
          },
        ];
  return [
    ...row('memory', peakMemory, showSize, bytesOf(limits.memory)),
    ...row('processes', used.processes, String, limits.pids),
    ...row('disk', used.diskBytes, showSize, bytesOf(limits.disk)),
    ...row('processor time', used.cpuSeconds, showSeconds),
    ...row('read from disks', used.readBytes, showSize),
    ...row('written to disks', used.writtenBytes, showSize),
  ];
}

export interface ComparisonView {
  other: string;
  time: string;
  backend: string;
  changes: { kind: string; message: string; isFatal: boolean }[];
}

export function comparisonView(comparison: Comparison): ComparisonView {
  const { manifestDigest, finished, backend } = comparison.with;
  return {
    other: shortDigest(manifestDigest),
    time: showTime(finished),
    backend,
    changes: comparison.changes.map(({ kind, message, fatal }) => ({ kind, message, isFatal: fatal })),
  };
}
