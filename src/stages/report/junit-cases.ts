/**
 * The images of a night as test cases of JUnit, as Jenkins and others read them: what was not tried is skipped, and a
 * boot that passed after a retry is a flaky failure.
 */
import { changeLine, flakyRetries, reasonLine, skipLine } from './image-lines.ts';
import type { ImageReport, NightReport } from './night-report.ts';
import { oneLine } from './escape-text.ts';

export interface TestCases {
  tests: string;
  failures: string;
  skipped: string;
  /** Seconds. */
  time: string;
  cases: TestCase[];
}

interface TestCase {
  /** Here too: Handlebars cannot compare values without a prototype, as `../` makes it do. */
  set: string;
  name: string;
  /** Seconds of the boot. */
  time: string[];
  failures: { code: string; message: string; text: string }[];
  skips: string[];
  flakies: string[];
  output: string[];
}

export function testCases({ set, started, finished, images }: NightReport): TestCases {
  const cases = images.map((image) => testCase(set, image));
  return {
    tests: String(cases.length),
    failures: String(cases.filter(({ failures }) => failures.length > 0).length),
    skipped: String(cases.filter(({ skips }) => skips.length > 0).length),
    time: secondsText(Math.max(0, Date.parse(finished) - Date.parse(started)) / 1000),
    cases,
  };
}

function testCase(set: string, image: ImageReport): TestCase {
  const { recipe, outcome, boot } = image;
  const flaky = flakyRetries(image);
  const lines = outputLines(image);
  return {
    set,
    name: recipe,
    time: boot ? [secondsText(boot.readySeconds)] : [],
    failures: outcome === 'failed' ? [failureOfImage(image)] : [],
    skips: ['held', 'quarantined', 'skipped'].includes(outcome) ? [skipLine(image)] : [],
    flakies: flaky === undefined ? [] : [flaky],
    output: lines.length > 0 ? [lines.map(oneLine).join('\n')] : [],
  };
}

function failureOfImage({ failure }: ImageReport): TestCase['failures'][number] {
  if (!failure) return { code: 'INTERNAL', message: 'no cause is given', text: '' };
  const { stage, arch, code, message, hint, log } = failure;
  const where = arch === undefined ? stage : `${stage} (${arch})`;
  const lines = [`${where}: ${message}`, hint, ...(log === undefined ? [] : [`log: ${log}`])];
  return { code, message, text: lines.map(oneLine).join('\n') };
}

function outputLines({ digest, references, reasons, packages, advisories }: ImageReport): string[] {
  return [
    ...references.map((reference) => (digest === undefined ? reference : `${reference} ${digest}`)),
    ...reasons.map((reason) => `because: ${reasonLine(reason)}`),
    ...packages.map(({ name, arch, from, to }) => `package: ${name}.${arch} ${changeLine(from, to)}`),
    ...advisories.map(({ id, severity, cves }) => ['fixes:', id, severity, ...cves].join(' ')),
  ];
}

/** The schema of Surefire takes digits and a point alone. */
function secondsText(seconds: number): string {
  return seconds.toFixed(3);
}
