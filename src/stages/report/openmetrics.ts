/**
 * Metrics as text in the form of OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/). All of ours are
 * read from the state when they are asked for, so nothing is counted in between: a client library would add its own
 * registry of counters to keep in step.
 */

export interface Sample {
  labels?: Record<string, string>;
  value: number;
}

export interface Metric {
  /** Begins with `milliner_`; of a metric with a unit it ends with that. */
  name: string;
  type: 'gauge' | 'info';
  unit?: 'bytes' | 'seconds';
  /** What it tells, for people. */
  help: string;
  samples: Sample[];
}

export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

export function openMetricsText(metrics: readonly Metric[]): string {
  return [...metrics.flatMap(linesOf), '# EOF', ''].join('\n');
}

/** A metric without samples is left out: its other lines would say nothing. */
function linesOf({ name, type, unit, help, samples }: Metric): string[] {
  if (samples.length === 0) return [];
  const sampleName = type === 'info' ? `${name}_info` : name;
  return [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escapeValue(help)}`,
    ...samples.map(({ labels = {}, value }) => `${sampleName}${labelText(labels)} ${numberText(value)}`),
  ];
}

function labelText(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

/** The three that the specification escapes. A lone surrogate has no bytes in UTF-8. */
function escapeValue(text: string): string {
  return text.toWellFormed().replaceAll(/[\\"\n]/g, (one) => (one === '\n' ? String.raw`\n` : `\\${one}`));
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}
