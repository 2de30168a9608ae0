/**
 * Verifies the signature of an image by others with trusted keys: in either layout, or for OpenPGP in the lookaside.
 * The image itself may be signed, or the index that contains it.
 */
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import { worstOf, bySeverity } from '../../stages/sign/failure-order.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { bundledEnvelopes } from '../../stages/sign/sigstore-bundle.ts';
import { verifySignatures } from '../../stages/sign/simple-signing.ts';
import { verifyImageStatement } from '../../stages/sign/verify.ts';
import { fetchAttachment, fetchBundles, type PublishedImage } from './fetch-signatures.ts';
import { fetchLookaside, verifyLookaside } from './lookaside-signature.ts';
import { idsOf, type Keyring, type SignerKey } from './signer-key.ts';

export interface ForeignImage {
  /** The reference that the caller asked for. A signature of another tag does not count. */
  reference: string;
  client: PublishedImage['client'];
  /** The repository in the client's registry, which may be a mirror. */
  repository: string;
  /** The digest of the image, then those of the indexes that lead to it. */
  digests: readonly Digest[];
  /**
   * Whether a bundle without a reference counts: the caller asked by digest, or accepts any image signed with the key.
   */
  allowUnnamed: boolean;
  signal?: AbortSignal | undefined;
}

export interface GoodSignature {
  layout: 'sig' | 'bundle' | 'lookaside';
  /** The key's hint, or the fingerprint of the key or subkey that signed. */
  signer: string;
  /** The signed reference; a bundle may have none. */
  signed?: string;
}

const unsigned: ErrorCode[] = ['SIGNATURE_MISSING', 'SIGNATURE_WRONG_KEY'];
const unsignedHint =
  'Name the key that signed it, for a base in from: {keys: [FILE]}. To use a base without a signature, set from: {unsigned: true}.';
/**
 * The codes that are a judgement of a signature. Any other failure means that a signature could not be read, and its
 * verdict is unknown.
 */
const judgements: readonly ErrorCode[] = [...bySeverity, 'SIGNATURE_MISSING'];

/** Returns every good signature. Throws SIGNATURE_MISSING and the others of `bySeverity`, and what registries throw. */
export async function verifySigned(
  image: ForeignImage,
  signers: readonly SignerKey[],
): Promise<GoodSignature[]> {
  const failures: MillinerError[] = [];
  const good: GoodSignature[] = [];
  for (const digest of image.digests) {
    for (const check of await checksOf(image, digest, signers)) {
      try {
        good.push(await check());
      } catch (error) {
        if (!(error instanceof MillinerError)) throw error;
        failures.push(error);
      }
    }
  }
  // A signature of another reference contradicts one that has no reference.
  const otherReference = failures.find(({ code }) => code === 'SIGNED_ELSEWHERE');
  const hasReference = good.some(({ signed }) => signed !== undefined);
  if (good.length > 0 && (hasReference || !otherReference)) return good;
  const failure = failures.find(({ code }) => !judgements.includes(code)) ?? worstOf(failures)!;
  throw new MillinerError(failure.code, `${image.reference}: ${failure.message}`, {
    cause: failure,
    hint: unsigned.includes(failure.code) ? unsignedHint : failure.hint,
    details: { image: image.reference, digests: image.digests, keys: signers.flatMap(idsOf) },
  });
}

type Check = () => GoodSignature | Promise<GoodSignature>;

/** One check for each key and layout; each throws if it finds no good signature. */
async function checksOf(
  image: ForeignImage,
  digest: Digest,
  signers: readonly SignerKey[],
): Promise<Check[]> {
  const { digest: _, ...tagged } = parseReference(image.reference);
  const reference = showReference(tagged);
  const keys = signers.flatMap((signer) => (signer.format === 'pem' ? [signer.key] : []));
  const keyrings = signers.flatMap((signer) => (signer.format === 'openpgp' ? [signer.keyring] : []));
  return [
    ...(keys.length > 0 ? await attachedChecks(image, { digest, reference }, keys) : []),
    ...lookasideChecks(image, { digest, reference }, keyrings),
  ];
}

interface Expected {
  digest: Digest;
  reference: string;
}

/** Checks of the signatures attached to the image in the registry. */
async function attachedChecks(
  { client, repository, allowUnnamed }: ForeignImage,
  { digest, reference }: Expected,
  keys: readonly PublicKey[],
): Promise<Check[]> {
  const image = { client, repository, digest };
  const attachment = await fetchAttachment(image, 'sig');
  const envelopes = bundledEnvelopes(await fetchBundles(image, 'signatures'));
  return keys.flatMap((key): Check[] => [
    () => {
      const expected = { key, digest, reference, orRepository: true };
      return { layout: 'sig', signer: key.hint, signed: verifySignatures(expected, attachment) };
    },
    () => {
      const expected = { key, digest, reference, orRepository: true, allowUnnamed };
      const signed = verifyImageStatement(expected, envelopes);
      return { layout: 'bundle', signer: key.hint, ...(signed !== undefined && { signed }) };
    },
  ]);
}

/**
 * Checks of the signatures in the lookaside. It is read only when the check runs: if it cannot be reached, a signature
 * in the registry still counts.
 */
function lookasideChecks(
  { reference: name, signal }: ForeignImage,
  expected: Expected,
  keyrings: readonly Keyring[],
): Check[] {
  let found: ReturnType<typeof fetchLookaside> | undefined;
  return keyrings.map((keyring) => async () => {
    found ??= fetchLookaside(name, expected.digest, signal);
    const { signed, fingerprint } = await verifyLookaside(await found, expected, keyring, signal);
    return { layout: 'lookaside', signer: fingerprint, signed };
  });
}
