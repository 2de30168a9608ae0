/**
 * The end of a night: its report is remembered, written to files and delivered to webhooks. What cannot be written or
 * delivered is told, and stops neither the other reports nor the night.
 */
import { resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { failureOf, type Failure } from '../../lib/errors/wire.ts';
import type { ReportFormat } from '../../stages/report/escape-text.ts';
import { formerNights, withFormer } from '../../stages/report/former-nights.ts';
import {
  nightReportSchema,
  type NightReport,
  type NightReportInput,
} from '../../stages/report/night-report.ts';
import type { RunOptions } from '../state/context.ts';
import { lastNights, rememberNight } from '../state/nights.ts';
import { renderNight } from './render-night.ts';
import { reportPath, writeReport } from './report-file.ts';
import { deliver, type Delivery } from './webhook.ts';

/** As a release set names them. */
type ReportTarget =
  { format: ReportFormat; file: string } | { format: 'json'; webhook: string; secret: string };

interface SentReports {
  /** With the trends of former nights. */
  report: NightReport;
  /** Where the report is stored. */
  stored: string;
  files: string[];
  deliveries: Delivery[];
  /** Of single files and webhooks. */
  failures: Failure[];
}

/** `directory` is that of the set. Throws STATE_INVALID, DISK_FULL for the state, INTERRUPTED. */
export async function sendReports(
  { state, progress, signal }: Pick<RunOptions, 'state' | 'progress' | 'signal'>,
  directory: string,
  targets: readonly ReportTarget[],
  input: NightReportInput,
): Promise<SentReports> {
  const night = nightReportSchema.parse(input);
  // One more: a night that is taken up again is stored already.
  const report = withFormer(night, await lastNights(state, night.set, formerNights + 1));
  const sent: SentReports = {
    report,
    stored: await rememberNight(state, report),
    files: [],
    deliveries: [],
    failures: [],
  };
  for (const target of targets) {
    try {
      if ('file' in target) sent.files.push(await writeTo(directory, target, report));
      else {
        const webhook = { url: target.webhook, secret: resolve(directory, target.secret) };
        sent.deliveries.push(await deliver(state, webhook, report, { signal }));
      }
    } catch (error) {
      if (signal?.aborted || !(error instanceof MillinerError)) throw error;
      progress.warn(`${error.code}: ${error.message}`);
      sent.failures.push(failureOf(error));
    }
  }
  return sent;
}

async function writeTo(
  directory: string,
  { format, file }: Extract<ReportTarget, { file: string }>,
  report: NightReport,
): Promise<string> {
  const path = reportPath(directory, file, report.started.slice(0, 10));
  await writeReport(path, await renderNight(report, format));
  return path;
}
