/** Whether packages are what their makers signed: rpm verifies, this says which key it was and names what is wrong. */
import { resolve } from 'node:path';
import { MillinerError } from '../errors.ts';
import type { Header } from './header.ts';
import { readKeys, withKeyring, type KeyOptions, type PublicKey, type TrustedKey } from './keys.ts';
import { readHead, type PackageHead } from './lead.ts';
import { signatureIssuer, type Issuer } from './openpgp.ts';
import { signaturePresence } from './package.ts';
import { runRpmkeys, type KeysVerdict, type VerifyLevel } from './rpmkeys.ts';
import { signatureTagsOf } from './header.ts';
import { signatureTags } from './tags.ts';

export type SignatureProblem =
  | 'unsigned'
  | 'v6-only'
  | 'unknown-key'
  | 'ambiguous-key'
  | 'bad-signature'
  | 'bad-digest'
  | 'truncated'
  | 'unreadable';

export interface BadPackage {
  path: string;
  problem: SignatureProblem;
  message: string;
}

export interface VerifiedPackage {
  path: string;
  /** What made the signature: key or subkey, 16 upper-case hex digits. */
  keyId: string;
  /** Of the primary key. */
  fingerprint: string;
}

export interface VerifyOptions extends KeyOptions {
  /** No other key counts. */
  keys: readonly TrustedKey[];
}

/**
 * Verifies signature and digests of every file with rpm, in a keyring of these keys only, and finds out which of
 * them signed. Gives the files in their order. Throws KEY_INVALID, or SIGNATURE_INVALID with
 * `details.packages: BadPackage[]` naming every bad file and why.
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

/** A finding, or the problem in its stead. */
type Judgement<T> = T | { problem: SignatureProblem; message: string };

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

/** Formats before 6 tell the size of header and payload; this only serves to name the problem, rpm found it. */
function expectedSize({ signature, header, payloadOffset }: PackageHead): number | undefined {
  const rest = signature.number(signatureTags.LONGSIZE) ?? signature.number(signatureTags.SIZE);
  return rest === undefined ? undefined : payloadOffset - header.blob.length - 8 + rest;
}

function judgeDigests({ passed, checks }: KeysVerdict): Judgement<true> {
  const digests = checks.filter((check) => check.kind === 'digest' && check.status === 'OK');
  if (passed && digests.length > 0) return true;
  return { problem: 'bad-digest', message: 'does not match its own digests' };
}

function judgeSignature(
  { path, passed, checks }: KeysVerdict,
  { signature }: PackageHead,
  keys: readonly PublicKey[],
): Judgement<VerifiedPackage> {
  const has = (kind: 'signature' | 'digest', status: string) =>
    checks.find((check) => check.kind === kind && check.status === status);
  if (has('digest', 'BAD')) return { problem: 'bad-digest', message: 'does not match its own digests' };
  if (has('signature', 'BAD'))
    return { problem: 'bad-signature', message: 'has a signature that does not verify' };
  const strange = has('signature', 'NOKEY') ?? has('signature', 'NOTTRUSTED');
  const issuers = issuersOf(signature);
  if (strange) return unknownKey(issuers[0]?.fingerprint ?? issuers[0]?.keyId ?? strange.keyId ?? 'unknown');
  const verified = has('signature', 'OK');
  if (!verified) return missingSignature(signature);
  if (!passed)
    return { problem: 'bad-signature', message: 'is not covered whole by its signature and digests' };
  const makers = issuers.length > 0 ? issuers : [{ keyId: verified.keyId ?? '' }];
  return attribute(path, makers, keys);
}

function missingSignature(signature: Header): { problem: SignatureProblem; message: string } {
  return signaturePresence(signatureTagsOf(signature)).kind === 'v6'
    ? { problem: 'v6-only', message: "has a signature of format 6 only, which this host's rpm cannot verify" }
    : { problem: 'unsigned', message: 'is not signed' };
}

function unknownKey(id: string): { problem: SignatureProblem; message: string } {
  return { problem: 'unknown-key', message: `is signed by key ${id}, which the recipe does not name` };
}

/** Every signature on the package must be by a key of the recipe; the first names the maker. */
function attribute(
  path: string,
  makers: readonly Issuer[],
  keys: readonly PublicKey[],
): Judgement<VerifiedPackage> {
  const signers = makers.map((maker) => keys.filter((key) => isMaker(key, maker)));
  for (const [i, candidates] of signers.entries()) {
    const id = makers[i]?.fingerprint ?? makers[i]?.keyId ?? 'unknown';
    const [first, ...others] = new Set(candidates.map((key) => key.fingerprint));
    if (first === undefined) return unknownKey(id);
    if (others.length > 0) {
      return {
        problem: 'ambiguous-key',
        message: `is signed by key ${id}, which two keys of the recipe answer to`,
      };
    }
  }
  const [maker] = makers;
  const keyId = maker?.keyId ?? maker?.fingerprint?.slice(-16) ?? '';
  return { path, keyId, fingerprint: signers[0]?.[0]?.fingerprint ?? '' };
}

function isMaker(key: PublicKey, { fingerprint, keyId }: Issuer): boolean {
  if (fingerprint !== undefined) return key.fingerprints.includes(fingerprint);
  return keyId !== undefined && keyId !== '' && key.fingerprints.some((it) => it.endsWith(keyId));
}

function issuersOf(signature: Header): Issuer[] {
  const tags = [signatureTags.RSA, signatureTags.DSA, signatureTags.PGP, signatureTags.GPG];
  return tags.flatMap((tag) => {
    const packet = signature.bytes(tag);
    const issuer = packet && signatureIssuer(packet);
    return issuer && (issuer.keyId ?? issuer.fingerprint) !== undefined ? [issuer] : [];
  });
}

/** rpm reports by path, line by line: a path must not be able to forge a line. */
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
