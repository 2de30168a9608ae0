/** Runs rpmkeys over many packages and returns its checks of each. */
import { runConfined } from '../host/confined.ts';
import { anyExit } from './keys.ts';

export type CheckStatus = 'OK' | 'BAD' | 'NOKEY' | 'NOTFOUND' | 'NOTTRUSTED' | 'UNKNOWN';

export interface Check {
  kind: 'signature' | 'digest';
  /** rpm's name of the check, such as Payload SHA256 digest. */
  subject: string;
  status: CheckStatus;
  /** rpm's further explanation. */
  reason?: string;
  /** Upper-case hex as rpm prints it: 8, 16 or 40 digits by version; only for existing signatures. */
  keyId?: string;
}

export interface KeysVerdict {
  path: string;
  /** rpm's verdict over all its checks. */
  passed: boolean;
  checks: Check[];
}

/** What every package must have: its digests, or also a signature over header and payload. */
export type VerifyLevel = 'digest' | 'all';

/**
 * Verdicts in the order of the paths, which must be absolute and without line breaks. The exit code is for all of them,
 * so if it is not 0 each package is checked alone.
 */
export async function runRpmkeys(
  paths: readonly string[],
  dbpath: string,
  level: VerifyLevel,
  signal: AbortSignal,
): Promise<KeysVerdict[]> {
  const settings = [`_pkgverify_level ${level}`, '_pkgverify_flags 0x0'].flatMap((it) => ['--define', it]);
  const noSignature = level === 'digest' ? ['--nosignature'] : [];
  const args = ['--dbpath', dbpath, ...settings, ...noSignature, '--checksig', '--verbose', ...paths];
  // Read-only access to the keyring: a package that takes the reader over cannot change the keys for the next one.
  const reach = { reads: [dbpath, ...paths] };
  const { exitCode, stdout } = await runConfined('rpmkeys', args, reach, { signal, allow: anyExit });
  if (exitCode === 0 || paths.length === 1) {
    const found = parseChecks(stdout, paths);
    return paths.map((path) => ({ path, passed: exitCode === 0, checks: found.get(path) ?? [] }));
  }
  const single: KeysVerdict[] = [];
  for (const path of paths) single.push(...(await runRpmkeys([path], dbpath, level, signal)));
  return single;
}

const checkLine = /^ {4}(.+): (OK|BAD|NOKEY|NOTFOUND|NOTTRUSTED|UNKNOWN)(?: \((.*)\))?$/;

/** `PATH:` and then one indented line for each check; the status word is the same in every language. */
function parseChecks(text: string, paths: readonly string[]): Map<string, Check[]> {
  const known = new Set(paths.map((path) => `${path}:`));
  const found = new Map<string, Check[]>();
  let checks: Check[] = [];
  for (const line of text.split('\n')) {
    const match = checkLine.exec(line);
    if (known.has(line)) found.set(line.slice(0, -1), (checks = []));
    else if (match) checks.push(parseCheck(match[1] ?? '', match[2] as CheckStatus, match[3]));
  }
  return found;
}

function parseCheck(subject: string, status: CheckStatus, reason: string | undefined): Check {
  const keyId = /\bkey (?:ID|fingerprint):? ([0-9a-f]{8,})/i.exec(subject)?.[1]?.toUpperCase();
  const kind = /\bdigest$/i.test(subject) ? 'digest' : 'signature';
  return {
    kind,
    subject,
    status,
    ...(reason !== undefined && { reason }),
    ...(keyId !== undefined && { keyId }),
  };
}
