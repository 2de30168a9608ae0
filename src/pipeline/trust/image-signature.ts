/**
 * Whether somebody who is trusted has signed an image that others made: in either layout or, with a key of OpenPGP,
 * beside the registry; the image itself or the index that it is in.
 */
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import { mostSevere, bySeverity } from '../../stages/sign/failure-order.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { bundledEnvelopes } from '../../stages/sign/sigstore-bundle.ts';
import { verifySignatures } from '../../stages/sign/simple-signing.ts';
import { verifyImageStatement } from '../../stages/sign/verify.ts';
import { fetchAttachment, fetchBundles, type PublishedImage } from './fetch-signatures.ts';
import { fetchLookaside, verifyLookaside } from './lookaside-signature.ts';
import { idsOf, type Keyring, type SignerKey } from './signer-key.ts';

export interface ForeignImage {
  /** As whoever asks has it: a signature of another tag is none of this image. */
  reference: string;
  client: PublishedImage['client'];
  /** Where the registry has it. */
  repository: string;
  /** The image's, then those of indexes that lead to it. */
  digests: readonly Digest[];
  /** Whether a bundle that names no reference will do: whoever asks means the digest, or any image of the key. */
  allowUnnamed: boolean;
  signal?: AbortSignal | undefined;
}

export interface GoodSignature {
  layout: 'sig' | 'bundle' | 'lookaside';
  /** The key's hint, or the fingerprint of the key or subkey that signed. */
  signer: string;
  /** The reference that was signed; a bundle may name none. */
  signed?: string;
}

const unsigned: ErrorCode[] = ['SIGNATURE_MISSING', 'SIGNATURE_WRONG_KEY'];
const unsignedHint =
  'Name the key that signed it, for a base in from: {keys: [FILE]}. To use a base without a signature, set from: {unsigned: true}.';
/** Any other failure means that a signature could not be looked for: nobody knows then what it would have said. */
const judgements: readonly ErrorCode[] = [...bySeverity, 'SIGNATURE_MISSING'];

/** Gives every good signature. Throws SIGNATURE_MISSING and the others of `gravity`, and what registries throw. */
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
  // One that names another reference says more than one that names none.
  const elsewhere = failures.find(({ code }) => code === 'SIGNED_ELSEWHERE');
  const isNamed = good.some(({ signed }) => signed !== undefined);
  if (good.length > 0 && (isNamed || !elsewhere)) return good;
  const told = failures.find(({ code }) => !judgements.includes(code)) ?? mostSevere(failures)!;
  throw new MillinerError(told.code, `${image.reference}: ${told.message}`, {
    cause: told,
    hint: unsigned.includes(told.code) ? unsignedHint : told.hint,
    details: { image: image.reference, digests: image.digests, keys: signers.flatMap(idsOf) },
  });
}

type Check = () => GoodSignature | Promise<GoodSignature>;

/** For want of a signature of a key, each throws. */
async function checksOf(
  image: ForeignImage,
  digest: Digest,
  signers: readonly SignerKey[],
): Promise<Check[]> {
  const { digest: _, ...named } = parseReference(image.reference);
  const reference = showReference(named);
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

/** Of what hangs on the image in the registry. */
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

/** Of what lies beside the registry: where that cannot be reached, a signature in the registry is as good as ever. */
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
