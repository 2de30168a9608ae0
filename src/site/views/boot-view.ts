/** The verdict of a boot: its timeline as bars, and the evidence. */
import { showSeconds, showSize } from '../../stages/report/amounts.ts';
import type { InstanceReport, Verdict } from '../../stages/boot/verdict.ts';
import { absent, percent, showBootTime, showTime } from './amounts-shown.ts';
import { comparisonView, evidenceView, type ComparisonView, type EvidenceView } from './boot-evidence.ts';
import { statusOf, type Status } from './image-row.ts';

/** Lines of a log, and of entries of a journal. The last ones tell why it ended. */
const maxLines = 60;

type Attempt = Pick<Verdict, 'causes' | 'checks' | 'instances'>;

export interface BootView {
  status: Status;
  started: string;
  duration: string;
  ready: string;
  memory: string;
  host: string;
  /** `2 of the last 20 boots`; empty where there was none. */
  flaky: string;
  comparison: ComparisonView | null;
  privileged: { path: string; rights: string }[];
  attempts: AttemptView[];
}

interface AttemptView {
  heading: string;
  causes: { code: string; instance: string; message: string }[];
  timeline: TimelineRow[];
  scale: string;
  instances: InstanceView[];
}

interface TimelineRow {
  instance: number;
  event: string;
  detail: string;
  time: string;
  /** Percent of the time line. */
  x: string;
  width: string;
  kind: 'ready' | 'check' | 'failed' | 'stop';
}

interface InstanceView extends EvidenceView {
  instance: number;
  failedUnits: string[];
  restartedUnits: string[];
  journal: { unit: string; message: string }[];
  log: string[];
  dropped: number;
  hasEvidence: boolean;
}

export function bootView(verdict: Verdict): BootView {
  const { started, finished, host, readySeconds, peakMemory, failedAttempts = [] } = verdict;
  const { boots = 0, flaky = 0 } = verdict.history ?? {};
  const attempts: Attempt[] = [...failedAttempts, verdict];
  return {
    status: statusOf({ verdict }),
    started: showTime(started),
    duration: secondsBetween(started, finished),
    ready: showBootTime(readySeconds),
    memory: peakMemory === undefined ? absent : showSize(peakMemory),
    host: `${host.runtime}, Linux ${host.kernel}, ${host.architecture}`,
    flaky: flaky === 0 ? '' : `${flaky} of the last ${boots} boots`,
    comparison: verdict.comparison ? comparisonView(verdict.comparison) : null,
    privileged: (verdict.privileged ?? []).map(({ path, mode, capabilities = '' }) => ({
      path,
      rights: `${mode} ${capabilities}`.trim(),
    })),
    attempts: attempts.map((one, index) => ({
      heading: attempts.length === 1 ? '' : `Boot ${index + 1} of ${attempts.length}`,
      causes: one.causes.map(({ code, instance, message }) => ({
        code,
        instance: instance === 0 ? 'image' : `instance ${instance}`,
        message,
      })),
      ...timelineOf(one),
      instances: one.instances.map((report) => instanceView(report, verdict.plan)),
    })),
  };
}

function secondsBetween(from: string, to: string): string {
  return showSeconds((Date.parse(to) - Date.parse(from)) / 1000);
}

interface Span extends Omit<TimelineRow, 'x' | 'width' | 'time'> {
  from: number;
  to: number;
}

function timelineOf({ checks, instances }: Attempt): Pick<AttemptView, 'timeline' | 'scale'> {
  const spans = instances.flatMap(({ instance, readySeconds, stopSeconds, exitCode }): Span[] => {
    const own = checks.filter((check) => check.instance === instance);
    const ready = readySeconds ?? 0;
    const checked = ready + Math.max(0, ...own.map(({ seconds }) => seconds));
    return [
      ...(readySeconds === undefined
        ? []
        : [{ instance, event: 'ready', detail: '', from: 0, to: ready, kind: 'ready' as const }]),
      ...own.map(({ check, passed, attempts, seconds, problem }) => ({
        instance,
        event: check,
        detail: passed ? (attempts > 1 ? `attempt ${attempts}` : '') : (problem ?? 'failed'),
        from: ready,
        to: ready + seconds,
        kind: passed ? ('check' as const) : ('failed' as const),
      })),
      ...(stopSeconds === undefined
        ? []
        : [
            {
              instance,
              event: 'stopped',
              detail: exitText(exitCode),
              from: checked,
              to: checked + stopSeconds,
              kind: 'stop' as const,
            },
          ]),
    ];
  });
  const total = Math.max(0.001, ...spans.map(({ to }) => to));
  return {
    scale: showSeconds(total),
    timeline: spans.map(({ from, to, ...row }) => ({
      ...row,
      time: showSeconds(to),
      x: percent(from, total),
      // A bar of no width would be no bar.
      width: percent(Math.max(to - from, total / 200), total),
    })),
  };
}

const exitText = (code: number | undefined) => (code === undefined ? '' : `exit ${code}`);

function instanceView(report: InstanceReport, plan: Verdict['plan']): InstanceView {
  const { instance, failedUnits, restartedUnits, journalErrors, log } = report;
  return {
    ...evidenceView(report, plan),
    instance,
    failedUnits,
    restartedUnits,
    journal: journalErrors.slice(-maxLines).map(({ unit, message }) => ({ unit, message })),
    log: log.slice(-maxLines),
    dropped: Math.max(0, log.length - maxLines),
    hasEvidence: failedUnits.length + restartedUnits.length + journalErrors.length + log.length > 0,
  };
}
