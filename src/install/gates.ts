/** What rpm reports and still exits 0 for: failed scriptlets and unknown owners fail the build, by name. */
import { MillinerError } from '../errors.ts';
import { saysDiskFull } from '../host/files.ts';
import { showBytes, type ByteString } from '../host/paths.ts';
import type { TransactionLog } from './transaction.ts';

export interface Allowed {
  /** Such as %post(name). */
  scriptlets: string[];
  /** User or group names. */
  owners: string[];
}

/** Who owns what in the packages of this transaction. */
export interface PackageOwners {
  nevra: string;
  name: string;
  files: { path: ByteString; user: string; group: string }[];
}

export interface ScriptletFailure {
  /** Such as %post. */
  scriptlet: string;
  package: string;
  status: string;
  /** The lines before the failure, the scriptlet's own words among them. */
  output: string[];
}

const failurePattern = /^(?:warning|error): (%\w+)\((.+)\) scriptlet failed, ((?:exit status|signal) \d+)$/;
const luaPattern = /^error: lua script failed: \[string "(%\w+)\((.+)\)"\]:(.*)$/;
const ownerPattern = /^warning: (user|group) (.*) does not exist - using (?:root|.+)$/;

/** It never has room for a package's file, whatever is freed elsewhere. */
const inProc = / on the \/proc(?:\/\S*)? filesystem/;

/** Throws SCRIPTLET_FAILED, OWNER_UNKNOWN, INSTALL_FAILED or DISK_FULL; what the recipe allows comes back as warnings. */
export function checkTransaction(
  log: TransactionLog,
  packages: PackageOwners[],
  allowed: Allowed,
  diskIsFull: boolean,
): string[] {
  const failures = scriptletFailures(log);
  const bad = failures.filter((failure) => !isAllowed(failure, packages, allowed.scriptlets));
  // Whatever failed on a full disk says nothing about the packages; but a scriptlet can also fill what is its own.
  const full = log.lines.find(({ text }) => saysDiskFull(text) && !inProc.test(text));
  if (full && ((bad.length > 0 && diskIsFull) || log.exitCode !== 0))
    throw new MillinerError('DISK_FULL', `rpm: ${full.text.trim()}`);
  if (bad.length > 0) throw scriptletError(bad);
  const owners = unknownOwners(log);
  const badOwners = owners.filter(({ name }) => !allowed.owners.includes(name));
  if (badOwners.length > 0) throw ownerError(badOwners, packages);
  if (log.exitCode !== 0) throw installError(log);
  return [
    ...failures.map((f) => `${f.scriptlet}(${f.package}) failed with ${f.status}; the recipe allows it`),
    ...owners.map((o) => `${o.kind} ${o.name} does not exist; the recipe allows it`),
  ];
}

/** A file trigger fails once for each package that sets it off: it is told once. */
function scriptletFailures(log: TransactionLog): ScriptletFailure[] {
  const found = new Map<string, ScriptletFailure>();
  for (const [index, { text }] of log.lines.entries()) {
    const match = failurePattern.exec(text) ?? luaPattern.exec(text);
    if (!match || found.has(text)) continue;
    const output = log.lines.slice(Math.max(0, index - 10), index).map((line) => line.text);
    const scriptlet = sectionOf[match[1]!] ?? match[1]!;
    found.set(text, { scriptlet, package: match[2]!, status: match[3]!.trim(), output });
  }
  return [...found.values()];
}

/** Where rpm's label is not the word that stands in the spec file. */
const sectionOf: Record<string, string> = { '%prein': '%pre', '%postin': '%post' };

function isAllowed(failure: ScriptletFailure, packages: PackageOwners[], allowed: string[]): boolean {
  const name = packages.find(({ nevra }) => withoutEpoch(nevra) === withoutEpoch(failure.package))?.name;
  return name !== undefined && allowed.includes(`${failure.scriptlet}(${name})`);
}

/** Versions of rpm differ in whether a scriptlet's label holds the epoch. */
function withoutEpoch(nevra: string): string {
  return nevra.replace(/-\d+:(?=[^-]+-[^-]+$)/, '-');
}

function unknownOwners(log: TransactionLog): { kind: string; name: string }[] {
  const names = new Map<string, { kind: string; name: string }>();
  for (const { text } of log.lines) {
    const match = ownerPattern.exec(text);
    if (match) names.set(match[0], { kind: match[1]!, name: match[2]! });
  }
  return [...names.values()];
}

function scriptletError(bad: ScriptletFailure[]): MillinerError {
  const told = bad.map((f) =>
    [`${f.scriptlet}(${f.package}) failed: ${f.status}`, ...f.output.map((l) => `  ${l}`)].join('\n'),
  );
  return new MillinerError('SCRIPTLET_FAILED', told.join('\n'), { details: { failures: bad } });
}

function ownerError(bad: { kind: string; name: string }[], packages: PackageOwners[]): MillinerError {
  const told = bad.map(({ kind, name }) => {
    const owning = packages.flatMap((p) =>
      p.files
        .filter((f) => (kind === 'user' ? f.user : f.group) === name)
        .map((f) => ({ package: p.nevra, path: `/${showBytes(f.path)}` })),
    );
    return { kind, name, files: owning.slice(0, 5), packages: [...new Set(owning.map((o) => o.package))] };
  });
  const lines = told.map((o) => {
    const where = o.files[0] ? `, who should own ${o.files[0].path} of ${o.packages.join(', ')}` : '';
    return `the image has no ${o.kind} ${o.name}${where}`;
  });
  return new MillinerError('OWNER_UNKNOWN', lines.join('\n'), { details: { owners: told } });
}

function installError(log: TransactionLog): MillinerError {
  const errors = log.lines.filter(({ text }) => /^(?:error:|\t| {2})/.test(text)).map(({ text }) => text);
  const words = errors.length > 0 ? errors : log.lines.slice(-20).map(({ text }) => text);
  return new MillinerError(
    'INSTALL_FAILED',
    `rpm exited ${log.exitCode}:\n${words.slice(0, 50).join('\n')}`,
    {
      details: { exitCode: log.exitCode },
    },
  );
}
