/** What the issues of a set say after a night, and which of them are over. */
import { fillTemplate } from '../lib/host/template.ts';
import { escapeAll, escapers } from '../stages/report/escape-text.ts';
import type { ImageReport, NightReport } from '../stages/report/night-report.ts';
import { failedRow, type FailedRow } from '../stages/report/report-view.ts';
import type { FailureIssue, WantedIssues } from './failure-issues.ts';
import { readTemplate } from './github-template.ts';

/** GitHub takes 65,536 characters; a message may be the output of a program, and each character may need six. */
const maxRows = 20;
const maxTextLength = 400;
/** GitHub takes 256 characters. */
const maxTitleLength = 250;

/** A night that ended before it had a report. */
export interface NightFailure {
  set: string;
  code: string;
  message: string;
  hint: string;
}

/** A title stands for the same thing in every night. */
const nightTitle = (set: string) => `The night of ${set} failed`.slice(0, maxTitleLength);
const recipeTitle = (set: string, recipe: string) => `${recipe} of ${set} fails`.slice(0, maxTitleLength);

/** `former` are the recipes of earlier nights: of those that the set has no more, an issue is over. */
export async function issuesOf(
  { set, started, images }: NightReport,
  former: ReadonlySet<string>,
  labels: readonly string[],
): Promise<WantedIssues> {
  const date = started.slice(0, 10);
  const failed = images.filter(isFailing);
  const issues: FailureIssue[] = [];
  if (failed.length > 0) {
    const causes = failed.map(causeOf);
    const body = await bodyOf('failed-night', { set, date, ...shortened(causes) });
    issues.push({ title: nightTitle(set), body, labels });
  }
  for (const image of failed) {
    const body = await bodyOf('failed-recipe', { set, date, ...causeOf(image) });
    issues.push({ title: recipeTitle(set, image.recipe), body, labels });
  }
  const over = new Set([...former].map((recipe) => recipeTitle(set, recipe)));
  for (const image of images) {
    if (isMended(image)) over.add(recipeTitle(set, image.recipe));
    else over.delete(recipeTitle(set, image.recipe));
  }
  if (failed.length === 0) over.add(nightTitle(set));
  return { mended: over, failing: issues };
}

/** Of the night alone: how its recipes fare is not known. */
export async function issueOfNight(
  { set, ...failure }: NightFailure,
  date: string,
  labels: readonly string[],
): Promise<WantedIssues> {
  const cause = { recipe: set, stage: 'night', log: [], ...cut(failure) };
  const body = await bodyOf('failed-night', { set, date, causes: [cause], more: [] });
  return { mended: new Set(), failing: [{ title: nightTitle(set), body, labels }] };
}

/** Quarantine ends the tries, not the failure. */
const isFailing = ({ outcome }: ImageReport) => outcome === 'failed' || outcome === 'quarantined';
/** An image that was skipped or held tells nothing of its recipe. */
const isMended = ({ outcome }: ImageReport) => outcome === 'published' || outcome === 'unchanged';

function causeOf(image: ImageReport): FailedRow {
  const row = failedRow(image);
  return { ...row, ...cut(row) };
}

function cut({ code, message, hint }: Pick<FailedRow, 'code' | 'message' | 'hint'>) {
  const short = (text: string) => text.slice(0, maxTextLength).toWellFormed();
  return { code, message: short(message), hint: short(hint) };
}

function shortened(causes: readonly FailedRow[]): { causes: FailedRow[]; more: string[] } {
  const missing = causes.length - maxRows;
  return {
    causes: causes.slice(0, maxRows),
    more: missing > 0 ? [`and ${missing} more, each with an issue of its own`] : [],
  };
}

async function bodyOf(template: string, view: object): Promise<string> {
  return fillTemplate(await readTemplate(template), { ...escapeAll(view, escapers.markdown) });
}
