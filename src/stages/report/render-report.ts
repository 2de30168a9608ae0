/** Renders a night's report from a template: every text in it is escaped for its format first. */
import { fillTemplate } from '../../lib/host/template.ts';
import { escapeAll, escapers, type ReportFormat } from './escape-text.ts';
import type { NightReport } from './night-report.ts';
import { reportView } from './report-view.ts';

export function renderReport(report: NightReport, format: ReportFormat, template: string): string {
  return fillTemplate(template, { ...escapeAll(reportView(report), escapers[format]) });
}
