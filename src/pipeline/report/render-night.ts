/** Reads a stored report and renders it from the templates that are shipped with Milliner. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ReportFormat } from '../../stages/report/escape-text.ts';
import { parseNightReport, type NightReport } from '../../stages/report/night-report.ts';
import { renderReport } from '../../stages/report/render-report.ts';
import { readBounded } from './read-bounded.ts';

export { reportFormats } from '../../stages/report/escape-text.ts';

const templates = fileURLToPath(new URL('../../../templates/report', import.meta.url));
/** Twenty thousand packages with their changelogs. */
const maxReportBytes = 256 * 1024 * 1024;

export async function renderNight(report: NightReport, format: ReportFormat): Promise<string> {
  return renderReport(report, format, await readFile(`${templates}/${format}.hbs`, 'utf8'));
}

/** Throws REPORT_INVALID. */
export async function readReport(path: string): Promise<NightReport> {
  return parseNightReport(await readBounded(path, maxReportBytes, 'REPORT_INVALID'), path);
}
