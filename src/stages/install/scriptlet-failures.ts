/** Finds failed scriptlets: by the exit status of their processes, and by rpm's reports where there is no process. */
import type { Answer } from './rpm-messages.ts';
import { runsLua, runsMacros, type OwnedScriptlet, type Run } from './scriptlet-runs.ts';
import type { TransactionLog } from './transaction.ts';
import { sectionOf, withoutEpoch, type RpmReport } from './rpm-reports.ts';

export interface ScriptletFailure {
  /** Such as %post; 'unknown' if neither process nor report identifies it. */
  scriptlet: string;
  /** NEVRA, or 'unknown'. */
  package: string;
  status: string;
  /** The lines before the failure, with the scriptlet's own output. */
  output: string[];
  /**
   * Names that allow the failure in a recipe, such as %post(name). With several, the recipe must allow all; with none,
   * it cannot be allowed.
   */
  names: string[];
}

/** A file trigger runs once for each package that sets it off, but its failure is listed once. */
export function scriptletFailures(log: TransactionLog): ScriptletFailure[] {
  const found = new Map<string, ScriptletFailure>();
  const add = (failure: ScriptletFailure) => {
    const key = `${failure.scriptlet}(${failure.package}) ${failure.status}`;
    if (!found.has(key)) found.set(key, failure);
  };
  for (const run of log.runs) for (const failure of failuresOf(run, log)) add(failure);
  for (const report of reportsWith(log, 'failed')) if (isCredible(report, log)) add(failureFrom(report, log));
  // Without Lua scriptlets, which could fake them, these reports are rpm's own, and must agree with the kernel.
  if (!runsLua(log.scriptlets))
    for (const report of reportsWith(log, 'traced')) add(failureFrom(report, log));
  return [...found.values()];
}

const reportsWith = ({ reports: words }: TransactionLog, answer: Answer) =>
  words.filter(({ message }) => message.answer === answer);

function failuresOf(run: Run, log: TransactionLog): ScriptletFailure[] {
  if (run.status === 0) return [];
  const status = statusOf(run.status);
  const output = outputOf(run, log);
  const { scriptlet } = run;
  if (scriptlet) {
    const names = [nameOf(scriptlet)];
    return [{ scriptlet: `%${scriptlet.kind}`, package: scriptlet.nevra, status, output, names }];
  }
  const reports = reportsWith(log, 'traced').filter(
    (report) => report.words === status && fits(report, run.candidates),
  );
  if (reports.length > 0) return reports.map((report) => ({ ...failureFrom(report, log), output }));
  // A Lua scriptlet may fork processes that fail. Without one, rpm runs nothing but scriptlets.
  const isOther = run.args !== undefined || runsLua(log.scriptlets);
  if (!run.isScriptlet && isOther) return [];
  return [{ scriptlet: 'unknown', package: 'unknown', status, output, names: run.candidates.map(nameOf) }];
}

/** In rpm's words. */
function statusOf(status: number): string {
  const signal = status & 0x7f;
  return signal === 0 ? `exit status ${(status >> 8) & 0xff}` : `signal ${signal}`;
}

const nameOf = ({ kind, name }: OwnedScriptlet) => `%${kind}(${name})`;

/** Whether a report can be about a run that was not identified. */
function fits(report: RpmReport, candidates: readonly OwnedScriptlet[]): boolean {
  return candidates.length === 0 || candidates.some((one) => isAbout(report, one));
}

function isAbout(report: RpmReport, { kind, nevra }: OwnedScriptlet): boolean {
  if (sectionOf(report.kind) !== `%${kind}` || report.nevra === undefined) return false;
  const [reported, actual] = [withoutEpoch(report.nevra), withoutEpoch(nevra)];
  return report.isCut ? actual.startsWith(reported) || nevra.startsWith(report.nevra) : actual === reported;
}

/**
 * Text from a package's header can look like another message. A report counts only if it is possible in this
 * transaction.
 */
function isCredible({ message: { only } }: RpmReport, { scriptlets }: TransactionLog): boolean {
  if (only === 'lua') return runsLua(scriptlets) || runsMacros(scriptlets);
  return only !== 'macros' || runsMacros(scriptlets);
}

function failureFrom(report: RpmReport, log: TransactionLog): ScriptletFailure {
  const candidates = log.scriptlets.filter((one) => isAbout(report, one));
  const only = new Set(candidates.map(({ nevra }) => nevra)).size === 1 ? candidates[0] : undefined;
  const isUnnamed = report.nevra === undefined || report.message.answer === 'owner';
  return {
    scriptlet: sectionOf(report.kind) || 'unknown',
    package: only?.nevra ?? (isUnnamed || report.isCut ? 'unknown' : report.nevra!),
    status: report.words,
    output: linesBefore(report.text, log),
    names: candidates.map(nameOf),
  };
}

const fewLines = 10;

/** Lines of rpm and of its Lua scriptlets. */
function linesBefore(text: string, log: TransactionLog): string[] {
  const lines = log.lines.filter(({ stream }) => stream !== 'scriptlet');
  const index = lines.findIndex((line) => line.text.includes(text));
  if (index < 0) return [];
  const half = lines[index]!.text.slice(0, lines[index]!.text.indexOf(text)).replace(
    /(?:warning|error): $/,
    '',
  );
  const before = lines.slice(Math.max(0, index - fewLines), index).map((line) => line.text);
  return half === '' ? before : [...before, half];
}

/** Output of scriptlets during the run, as far as it was read by then. */
function outputOf(run: Run, { lines }: TransactionLog): string[] {
  const [begin, end] = [run.begin, run.end].map((time) => Number(time / 1_000_000n));
  return lines
    .filter(({ at, stream }) => stream === 'scriptlet' && at >= begin! && at <= end! + 50)
    .slice(-fewLines)
    .map(({ text }) => text);
}
