/**
 * What the templates show of a report: texts, in the order of what people need first. A list that is empty hides its
 * section; a field that may be absent is a list of at most one, so that no text decides what a template writes.
 */
import { showDuration, showSeconds, showSize, showTrend } from './amounts.ts';
import { flakyRetries, reasonLine, skipLine } from './image-lines.ts';
import { testCases, type TestCases } from './junit-cases.ts';
import { outcomes, type ImageReport, type NightReport, type Outcome } from './night-report.ts';
import { mergedAdvisories, mergedPackages, type AdvisoryRow, type PackageRow } from './merged-changes.ts';

export interface ReportView {
  set: string;
  date: string;
  started: string;
  duration: string;
  /** `3 published, 1 failed, 1 of them flaky`. */
  headline: string;
  failed: FailedRow[];
  held: HeldRow[];
  quarantined: { recipe: string; nights: string; cause: string }[];
  flaky: { recipe: string; retries: string }[];
  published: PublishedRow[];
  advisories: AdvisoryRow[];
  packages: PackageRow[];
  skipped: { recipe: string; cause: string }[];
  unchanged: { recipe: string }[];
  junit: TestCases;
}

export interface FailedRow {
  recipe: string;
  stage: string;
  code: string;
  message: string;
  hint: string;
  log: string[];
}

interface HeldRow {
  recipe: string;
  reason: string;
  until: string;
  by: string;
}

interface PublishedRow {
  recipe: string;
  arches: string;
  digest: string;
  references: string[];
  reasons: string[];
  update: string;
  size: string;
  boot: string;
}

export function reportView(report: NightReport): ReportView {
  const { set, started, finished, images } = report;
  const of = (outcome: Outcome) => images.filter((image) => image.outcome === outcome);
  return {
    set,
    date: started.slice(0, 10),
    started,
    duration: showDuration(Date.parse(finished) - Date.parse(started)),
    headline: headlineOf(images),
    failed: of('failed').map(failedRow),
    held: of('held').map(heldRow),
    quarantined: of('quarantined').map((image) => ({
      recipe: image.recipe,
      nights: String(image.quarantine?.nights ?? '?'),
      cause: image.failure ? `${image.failure.code}: ${image.failure.message}` : absent,
    })),
    flaky: images.flatMap(flakyRow),
    published: of('published').map(publishedRow),
    advisories: mergedAdvisories(images),
    packages: mergedPackages(images),
    skipped: of('skipped').map((image) => ({ recipe: image.recipe, cause: skipLine(image) })),
    unchanged: of('unchanged').map(({ recipe }) => ({ recipe })),
    junit: testCases(report),
  };
}

/** Stands for a value that is not known, so that no cell is empty. */
const absent = '–';

function headlineOf(images: readonly ImageReport[]): string {
  const counts = outcomes
    .map((outcome) => ({ outcome, count: images.filter((image) => image.outcome === outcome).length }))
    .filter(({ count }) => count > 0)
    .map(({ outcome, count }) => `${count} ${outcome}`);
  const flaky = images.filter((image) => flakyRetries(image) !== undefined).length;
  if (flaky > 0) counts.push(`${flaky} of them flaky`);
  return counts.length > 0 ? counts.join(', ') : 'no images';
}

export function failedRow({ recipe, failure }: ImageReport): FailedRow {
  if (!failure) return { recipe, stage: absent, code: absent, message: absent, hint: absent, log: [] };
  const { stage, arch, code, message, hint, log } = failure;
  const where = arch === undefined ? stage : `${stage} (${arch})`;
  return { recipe, stage: where, code, message, hint, log: log === undefined ? [] : [log] };
}

function heldRow({ recipe, hold }: ImageReport): HeldRow {
  const { reason = absent, until = absent, by = absent } = hold ?? {};
  return { recipe, reason, until, by };
}

function flakyRow(image: ImageReport): ReportView['flaky'] {
  const retries = flakyRetries(image);
  return retries === undefined ? [] : [{ recipe: image.recipe, retries }];
}

function publishedRow(image: ImageReport): PublishedRow {
  const { recipe, arches, digest, references, reasons, updateBytes, size, boot, former } = image;
  return {
    recipe,
    arches: arches.join(', '),
    digest: digest ?? absent,
    references,
    reasons: reasons.map(reasonLine),
    update: updateBytes === undefined ? absent : showSize(updateBytes),
    size:
      size === undefined
        ? absent
        : showTrend(
            size,
            former.map((night) => night.size),
            showSize,
          ),
    boot: boot
      ? showTrend(
          boot.readySeconds,
          former.map(({ readySeconds }) => readySeconds),
          showSeconds,
        )
      : absent,
  };
}
