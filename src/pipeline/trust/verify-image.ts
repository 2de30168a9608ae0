/**
 * For `verify`: checks that an image in a registry is signed, has bills of materials and a passed verdict, as seen by a
 * client that trusts one key. Of an index this is checked for each of its images.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference, showReference, wantedTag, taggedReference } from '../../lib/registry/reference.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import type { Standing } from '../../stages/sign/standing.ts';
import type { RunOptions } from '../state/context.ts';
import { layoutsOf, type Layout } from './fetch-signatures.ts';
import { verifySigned, type ForeignImage } from './image-signature.ts';
import { findImage } from './image-source.ts';
import { signatureProof, type Proof } from './proofs.ts';
import { memoryIn } from './seen-tags.ts';
import { readSignerKey, type SignerKey } from './signer-key.ts';
import { requireCurrent, statedOf } from './standings.ts';
import { proveFound, type VerifiedImage } from './prove-found.ts';

export interface Verification {
  reference: string;
  /** Of an index where the reference names one. */
  manifestDigest: Digest;
  proved: Proof[];
  /** The images of an index. */
  images?: VerifiedImage[];
}

export interface VerifyOptions {
  reference: string;
  /** Path of the public key. */
  key: string;
  plainHttp: boolean;
  /** The one layout to check; both where it is absent. */
  only?: Layout | undefined;
  /** Whether a bundle without a reference counts under a tag; under a digest it always does. */
  unnamed?: boolean | undefined;
  /** Whether an expired statement about the tag counts. */
  allowExpired?: boolean | undefined;
  /** The signed reference, for an image that was copied from there. */
  signedAs?: string | undefined;
  /**
   * Requires one signature in any layout, as a recipe does of its base. Images of others have neither our bill of
   * materials nor our verdict.
   */
  signatureOnly?: boolean | undefined;
  /** Of an index, the one image for this architecture; of an image, the architecture that it must be for. */
  arch?: string | undefined;
}

/** Throws USAGE, KEY_FILE_INVALID, SIGNATURE_MISSING and the others of `bySeverity`, what registries throw. */
export async function verifyReference(
  {
    reference: text,
    key: keyPath,
    plainHttp,
    only,
    signedAs,
    unnamed = false,
    allowExpired = false,
    signatureOnly = false,
    arch,
  }: VerifyOptions,
  { progress, signal, state }: Pick<RunOptions, 'progress' | 'signal'> & Partial<Pick<RunOptions, 'state'>>,
): Promise<Verification> {
  const signer = await readSignerKey(keyPath, { signal });
  if (signatureOnly && (only !== undefined || arch !== undefined)) {
    const flag = only === undefined ? '--arch' : '--only';
    throw new MillinerError(
      'USAGE',
      `--signature-only takes a signature of any layout of what the reference names: leave out ${flag}`,
    );
  }
  const reference = parseReference(completeReference(text));
  const wanted = reference.digest ?? wantedTag(reference)!;
  const found = await findImage(reference, wanted, { plainHttp, progress, signal });
  const image = { ...found, digest: found.manifest.digest };
  // The signature is of the image's own name, even if it came from a mirror.
  const shown = taggedReference(reference);
  const signed = signedAs === undefined ? shown : signedReference(signedAs);
  progress.step(`verifying ${shown} at ${image.digest}`);
  // A digest identifies the image, so a bundle without a reference will do. With `signedAs` the caller asks for that
  // reference.
  const allowUnnamed = unnamed || (reference.digest !== undefined && signedAs === undefined);
  const foreign = { ...image, reference: signed, allowUnnamed, digests: [image.digest], signal };
  const verification = { reference: shown, manifestDigest: image.digest };
  if (signer.format === 'openpgp' && signatureOnly) {
    return { ...verification, proved: await proveSignature(foreign, signer) };
  }
  const key = keyOf(signer, keyPath);
  const warn = (sentence: string) => progress.warn(sentence);
  const options = { key, state: await memoryIn(state, warn), warn };
  const stated = await statedOf(image, layoutsOf(only), options);
  const { revokedVerdicts } = stated;
  const expected = { layouts: layoutsOf(only), allowUnnamed, revokedVerdicts, reference: signed, arch };
  const { proved, images } = signatureOnly
    ? { proved: await proveSignature(foreign, signer) }
    : await proveFound(found, expected, options);
  // A statement is about a tag; a digest cannot move.
  if (reference.digest === undefined) {
    const standing = await requireCurrent(image.digest, signed, stated, { ...options, allowExpired });
    if (standing) proved.push(tagProof(standing));
    else if (!signatureOnly) progress.warn(`nothing states until when ${signed} names this image`);
  }
  return { ...verification, proved, ...(images && { images }) };
}

function tagProof({ reference, number, expires }: Standing): Proof {
  const until = new Date(expires * 1000).toISOString().slice(0, 10);
  return { claim: 'tag', layout: 'any', detail: `named by ${reference} until ${until}, statement ${number}` };
}

/** Only a sigstore key signs bills of materials and verdicts. */
function keyOf(signer: SignerKey, path: string): PublicKey {
  if (signer.format === 'pem') return signer.key;
  throw new MillinerError(
    'USAGE',
    `${path} is a key of OpenPGP, which signs neither bills of materials nor verdicts`,
    {
      hint: 'To verify the signature alone, use --signature-only.',
    },
  );
}

async function proveSignature(image: ForeignImage, signer: SignerKey): Promise<Proof[]> {
  const found = await verifySigned(image, [signer]);
  return found.map(({ layout, signed, signer: id }) =>
    signatureProof(layout, signed, layout === 'lookaside' ? ` by ${id}` : ''),
  );
}

/** The reference as signatures have it: with a tag, or of a whole repository. */
function signedReference(text: string): string {
  const { digest, ...reference } = parseReference(text);
  if (digest === undefined) return showReference(reference);
  throw new MillinerError(
    'REFERENCE_INVALID',
    `--signed-as ${text} has a digest, which signatures do not name`,
  );
}
