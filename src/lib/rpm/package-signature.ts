/** Verifies signatures of packages: rpm verifies, and this module finds the key and describes the problem. */
import { resolve } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import type { Header } from './header.ts';
import { signatureTagsOf } from './header.ts';
import { readKeys, type KeyOptions, type TrustedKey } from './keys.ts';
import { readHead, type PackageHead } from './lead.ts';
import {
  attribute,
  issuersOf,
  refusedMaker,
  unknownKey,
  type Judgement,
  type Problem,
  type VerifiedPackage,
} from './makers.ts';
import { signaturePresence } from './package.ts';
import { withKeyring } from './rpm-keyring.ts';
import { runRpmkeys, type Check, type CheckStatus, type KeysVerdict, type VerifyLevel } from './rpmkeys.ts';
import type { PublicKey } from './signing-key.ts';
import { signatureTags } from './tags.ts';

export type { SignatureProblem, VerifiedPackage } from './makers.ts';

export interface BadPackage extends Problem {
  path: string;
}

export interface VerifyOptions extends KeyOptions {
  /** Only these keys are trusted. */
  keys: readonly TrustedKey[];
}

/**
 * Verifies signature and digests of every file with rpm, in a keyring with only these keys, and finds the key that
 * signed each. Returns the files in their order. Throws KEY_INVALID, or SIGNATURE_INVALID with `details.packages:
 * BadPackage[]`, one with a reason for every bad file.
 */
export async function verifySignatures(
  files: readonly string[],
  options: VerifyOptions,
): Promise<VerifiedPackage[]> {
  if (files.length === 0) return [];
  const keys = await readKeys(options.keys, options);
  return verify(files, 'all', options.keys, options, (verdict, head) => judgeSignature(verdict, head, keys));
}

/** Verifies digests alone, for repositories whose packages need no signature. Throws SIGNATURE_INVALID as above. */
export async function verifyDigests(
  files: readonly string[],
  signal?: AbortSignal,
  workDirectory?: string,
): Promise<void> {
  if (files.length > 0) await verify(files, 'digest', [], { signal, workDirectory }, judgeDigests);
}

async function verify<T extends object | true>(
  files: readonly string[],
  level: VerifyLevel,
  trusted: readonly TrustedKey[],
  options: KeyOptions,
  judge: (verdict: KeysVerdict, head: PackageHead) => Judgement<T>,
): Promise<T[]> {
  const paths = files.map(checkedPath);
  const verdicts = await withKeyring(trusted, options, (dbpath) =>
    runRpmkeys(paths, dbpath, level, options.signal),
  );
  const bad: BadPackage[] = [];
  const good: T[] = [];
  for (const verdict of verdicts) {
    const judgement = await judgeFile(verdict, judge);
    if (typeof judgement === 'object' && 'problem' in judgement)
      bad.push({ path: verdict.path, ...judgement });
    else good.push(judgement);
  }
  if (bad.length > 0) throw signatureInvalid(bad, files.length);
  return good;
}

async function judgeFile<T extends object | true>(
  verdict: KeysVerdict,
  judge: (verdict: KeysVerdict, head: PackageHead) => Judgement<T>,
): Promise<Judgement<T>> {
  try {
    const head = await readHead(verdict.path);
    const expected = expectedSize(head);
    if (expected !== undefined && head.fileSize < expected) {
      return { problem: 'truncated', message: `is truncated: ${head.fileSize} of ${expected} bytes` };
    }
    return judge(verdict, head);
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'PACKAGE_INVALID') throw error;
    const message = error.message.replace(`${verdict.path}: `, '');
    return { problem: error.details.truncated === true ? 'truncated' : 'unreadable', message };
  }
}

/** Formats before 6 record the size of header and payload. It only serves to describe a problem that rpm has found. */
function expectedSize({ signature, header, payloadOffset }: PackageHead): number | undefined {
  const rest = signature.number(signatureTags.LONGSIZE) ?? signature.number(signatureTags.SIZE);
  return rest === undefined ? undefined : payloadOffset - header.blob.length - 8 + rest;
}

function judgeDigests({ passed, checks }: KeysVerdict): Judgement<true> {
  const digests = checks.filter((check) => check.kind === 'digest' && check.status === 'OK');
  if (passed && digests.length > 0) return true;
  return badDigest(checks);
}

/** rpm reports every digest that it looks for. If none of them is wrong, one is missing. */
function badDigest(checks: readonly Check[]): Problem {
  const digests = checks.filter(({ kind }) => kind === 'digest');
  if (digests.some(({ status }) => status === 'BAD'))
    return { problem: 'bad-digest', message: 'does not match its own digests' };
  const missing = missingDigests(checks);
  return missing === ''
    ? { problem: 'bad-digest', message: 'is not covered whole by its signature and digests' }
    : { problem: 'no-digest', message: `lacks digests that rpm wants: ${missing}` };
}

/** As rpm names them; empty if it found all. */
function missingDigests(checks: readonly Check[]): string {
  const missing = checks.filter(({ kind, status }) => kind === 'digest' && status !== 'OK');
  return [...new Set(missing.map(({ subject }) => subject))].join(', ');
}

function judgeSignature(
  { path, passed, checks }: KeysVerdict,
  { signature }: PackageHead,
  keys: readonly PublicKey[],
): Judgement<VerifiedPackage> {
  const has = (kind: 'signature' | 'digest', status: CheckStatus) =>
    checks.find((check) => check.kind === kind && check.status === status);
  if (has('digest', 'BAD')) return badDigest(checks);
  if (has('signature', 'BAD'))
    return { problem: 'bad-signature', message: 'has a signature that does not verify' };
  const issuers = issuersOf(signature);
  const identified = issuers.filter(({ keyId, fingerprint }) => (keyId ?? fingerprint) !== undefined);
  const refused = identified.map((maker) => refusedMaker(maker, keys)).find((found) => found !== undefined);
  if (refused) return refused;
  const isUnknownKey = has('signature', 'NOKEY');
  if (isUnknownKey)
    return unknownKey(identified[0]?.fingerprint ?? identified[0]?.keyId ?? isUnknownKey.keyId ?? 'unknown');
  const weak = has('signature', 'NOTTRUSTED') ?? has('signature', 'UNKNOWN');
  if (weak) return untrusted(weak);
  const verified = has('signature', 'OK');
  if (!verified) return missingSignature(signature, checks);
  if (!passed) return badDigest(checks);
  const issuer = { ...issuers[0], keyId: verified.keyId ?? '' };
  return attribute(path, identified.length > 0 ? identified : [issuer], keys);
}

/** The key is known, but rpm's policy rejects it, or the way in which the signature was made. */
function untrusted({ subject, status, reason }: Check): Problem {
  const detail = reason === undefined ? status : `${status}: ${reason}`;
  return {
    problem: 'untrusted-signature',
    message: `has a signature that rpm does not accept: ${subject} (${detail})`,
  };
}

function missingSignature(signature: Header, checks: readonly Check[]): Problem {
  if (signaturePresence(signatureTagsOf(signature)).kind === 'v6')
    return {
      problem: 'v6-only',
      message: "has a signature of format 6 only, which this host's rpm cannot verify",
    };
  const missing = missingDigests(checks);
  const besides = missing === '' ? '' : `, and lacks digests that rpm wants: ${missing}`;
  return { problem: 'unsigned', message: `is not signed${besides}` };
}

/** rpm reports one line for each path, so a path with a line break could fake a line. */
function checkedPath(file: string): string {
  const path = resolve(file);
  if (/[\n\r]/.test(path))
    throw new MillinerError('PACKAGE_INVALID', `${JSON.stringify(path)}: has a line break in its path`);
  return path;
}

function signatureInvalid(bad: BadPackage[], total: number): MillinerError {
  const lines = bad.map(({ path, message }) => `${path}: ${message}`);
  const text = bad.length === 1 ? lines[0] : `${bad.length} of ${total} packages:\n${lines.join('\n')}`;
  return new MillinerError('SIGNATURE_INVALID', text ?? '', { details: { packages: bad } });
}
