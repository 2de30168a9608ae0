/** What rpm's checks of one package mean: a good package, or the problem that describes it best. */
import { MillinerError } from '../errors/error.ts';
import type { Header } from './header.ts';
import { signatureTagsOf } from './header.ts';
import type { PackageHead } from './lead.ts';
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
import type { Check, CheckStatus, KeysVerdict } from './rpmkeys.ts';
import type { PublicKey } from './signing-key.ts';
import { signatureTags } from './tags.ts';

export type Judge<T extends object | true> = (verdict: KeysVerdict, head: PackageHead) => Judgement<T>;

export async function judgeFile<T extends object | true>(
  verdict: KeysVerdict,
  headOf: (path: string) => Promise<PackageHead>,
  judge: Judge<T>,
): Promise<Judgement<T>> {
  try {
    const head = await headOf(verdict.path);
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

export function judgeDigests({ passed, checks }: KeysVerdict): Judgement<true> {
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

export function judgeSignature(
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
