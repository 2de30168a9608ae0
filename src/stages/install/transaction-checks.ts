/** Fails the build for problems that rpm reports while it exits with 0: failed scriptlets and unknown owners. */
import { constants } from 'node:os';
import { MillinerError } from '../../lib/errors/error.ts';
import { saysDiskFull } from '../../lib/host/files.ts';
import type { UnknownOwner } from './owner-check.ts';
import { scriptletFailures, type ScriptletFailure } from './scriptlet-failures.ts';
import type { TransactionLog } from './transaction.ts';

export interface Allowed {
  /** Such as %post(name). */
  scriptlets: string[];
  /** User or group names. */
  owners: string[];
}

/** /proc never has space for a package's file, so this is no full disk. */
const inProc = / on the \/proc(?:\/\S*)? filesystem/;

/**
 * Throws SCRIPTLET_FAILED, OWNER_UNKNOWN, INSTALL_FAILED or DISK_FULL. Returns warnings for failures that the recipe
 * allows.
 */
export function checkTransaction(
  log: TransactionLog,
  owners: readonly UnknownOwner[],
  allowed: Allowed,
  diskIsFull: boolean,
): string[] {
  const failures = scriptletFailures(log);
  const bad = failures.filter(
    ({ names }) => names.length === 0 || !names.every((name) => allowed.scriptlets.includes(name)),
  );
  // On a full disk no failure says anything about the packages. But a scriptlet can also fill a disk of its own, or
  // write such a message itself.
  const full = log.lines.find(
    ({ text, stream }) =>
      saysDiskFull(text) &&
      !inProc.test(text) &&
      (diskIsFull || (stream !== 'scriptlet' && log.exitCode !== 0)),
  );
  if (full && (bad.length > 0 || log.exitCode !== 0))
    throw new MillinerError('DISK_FULL', `rpm: ${full.text.trim()}`);
  if (bad.length > 0) throw scriptletError(bad);
  const badOwners = owners.filter(({ name }) => !allowed.owners.includes(name));
  if (badOwners.length > 0) throw ownerError(badOwners);
  if (log.exitCode !== 0) throw installError(log);
  return [
    ...failures.map((f) => `${describeScriptlet(f)} failed with ${f.status}; the recipe allows it`),
    ...owners.map((o) => `${o.kind} ${o.name} does not exist; the recipe allows it`),
    ...leftoverWarnings(log),
  ];
}

/** Only a warning: a scriptlet may start a service on any system. But the service does not run in the image. */
function leftoverWarnings({ endedProcesses: left, runs }: TransactionLog): string[] {
  if (left === 0) return [];
  const first = runs.find(({ outlives }) => outlives)?.scriptlet;
  const who = first ? `%${first.kind}(${first.nevra})` : 'an unknown scriptlet';
  return [`${left} processes that ${who}, or one after it, had left running were ended when rpm had done`];
}

function describeScriptlet({ scriptlet, package: nevra, names }: ScriptletFailure): string {
  if (scriptlet !== 'unknown' && nevra !== 'unknown') return `${scriptlet}(${nevra})`;
  return names.length > 0 ? `one of ${names.slice(0, 5).join(', ')}` : `${scriptlet} of an unknown package`;
}

function scriptletError(bad: ScriptletFailure[]): MillinerError {
  const lines = bad.map((f) =>
    [`${describeScriptlet(f)} failed: ${f.status}`, ...f.output.map((l) => `  ${l}`)].join('\n'),
  );
  return new MillinerError('SCRIPTLET_FAILED', lines.join('\n'), {
    hint: hintFor(bad),
    details: { failures: bad },
  });
}

/**
 * If one of these fails, some version of rpm does not install the package (RPMSCRIPT_FLAG_CRITICAL; %triggerun since
 * 6.0).
 */
const criticalScriptlets = /^%(?:pre|pretrans|preun|preuntrans|triggerprein|triggerun|sysusers)(?:\(|$)/;

function hintFor(bad: ScriptletFailure[]): string {
  const stops = bad.find(({ scriptlet }) => criticalScriptlets.test(scriptlet));
  if (stops) {
    return `Fix the package: rpm does not install it where its ${stops.scriptlet} fails, so allowing that cannot help.`;
  }
  const names = [...new Set(bad.flatMap((one) => one.names))];
  if (bad.some((one) => one.names.length === 0))
    return 'Fix the package: a failure without a name cannot be allowed.';
  return `Fix the package, or allow it by name in the recipe: allow: {scriptlets: [${names.map((name) => JSON.stringify(name)).join(', ')}]}.`;
}

function ownerError(bad: readonly UnknownOwner[]): MillinerError {
  const lines = bad.map((o) => {
    const where = o.files[0] ? `, who should own ${o.files[0].path} of ${o.packages.join(', ')}` : '';
    return o.isLate
      ? `rpm has made root the owner of what ${o.kind} ${o.name} should own, who was made only later${where}`
      : `the image has no ${o.kind} ${o.name}${where}`;
  });
  return new MillinerError('OWNER_UNKNOWN', lines.join('\n'), { details: { owners: bad } });
}

function installError(log: TransactionLog): MillinerError {
  const own = log.lines.filter(({ stream }) => stream !== 'scriptlet').map(({ text }) => text);
  const errors = own.filter((text) => /^(?:error:|\t| {2})/.test(text));
  const words = errors.length > 0 ? errors : own.slice(-20);
  return new MillinerError('INSTALL_FAILED', `${endOf(log.exitCode)}:\n${words.slice(0, 50).join('\n')}`, {
    ...(log.exitCode > 128 && { hint: crashHint }),
    details: { exitCode: log.exitCode, ...signalOf(log.exitCode) },
  });
}

const crashHint =
  'Use another version of rpm, which crashed (tools: {packages: [rpm]} or tools: host). Report the crash to its maker.';

/** As in shells and the runtime: 128 plus the signal's number. */
function signalOf(exitCode: number): { signal?: string } {
  const found = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128);
  return found ? { signal: found[0] } : {};
}

function endOf(exitCode: number): string {
  const { signal } = signalOf(exitCode);
  return signal === undefined
    ? `rpm exited ${exitCode}`
    : `rpm crashed: it died of ${signal} (exit ${exitCode})`;
}
