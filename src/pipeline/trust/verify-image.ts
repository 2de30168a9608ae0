/**
 * For `verify`: checks that an image in a registry is signed, has bills of materials and a passed verdict, as seen by a
 * client that trusts one key.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference, showReference, wantedTag, taggedReference } from '../../lib/registry/reference.ts';
import { attachedEnvelopes, type FoundEnvelope } from '../../stages/sign/attestation.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { bundledEnvelopes } from '../../stages/sign/sigstore-bundle.ts';
import { verifySignatures, type ExpectedImage } from '../../stages/sign/simple-signing.ts';
import type { Standing } from '../../stages/sign/standing.ts';
import { verifyImageStatement, verifySboms, verifyVerdict } from '../../stages/sign/verify.ts';
import type { RunOptions } from '../state/context.ts';
import {
  fetchAttachment,
  fetchBundles,
  layoutsOf,
  type Layout,
  type PublishedImage,
} from './fetch-signatures.ts';
import { verifySigned, type ForeignImage } from './image-signature.ts';
import { findImage } from './image-source.ts';
import { memoryIn } from './seen-tags.ts';
import { readSignerKey, type SignerKey } from './signer-key.ts';
import { requireCurrent, statedOf } from './standings.ts';

export interface Proof {
  claim: 'signature' | 'sbom' | 'verdict' | 'tag';
  /** `lookaside`: OpenPGP signatures beside the registry; `any`: either layout. */
  layout: Layout | 'lookaside' | 'any';
  /** What the proof says, shown to people. */
  detail: string;
}

export interface Verification {
  reference: string;
  manifestDigest: Digest;
  proved: Proof[];
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
  }: VerifyOptions,
  { progress, signal, state }: Pick<RunOptions, 'progress' | 'signal'> & Partial<Pick<RunOptions, 'state'>>,
): Promise<Verification> {
  const signer = await readSignerKey(keyPath, { signal });
  if (signatureOnly && only !== undefined) {
    throw new MillinerError('USAGE', '--signature-only takes a signature of any layout: leave out --only');
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
  const asked = { ...image, reference: signed, allowUnnamed };
  const foreign = { ...asked, digests: [image.digest], signal };
  const verification = { reference: shown, manifestDigest: image.digest };
  if (signer.format === 'openpgp' && signatureOnly) {
    return { ...verification, proved: await proveSignature(foreign, signer) };
  }
  const key = keyOf(signer, keyPath);
  const warn = (sentence: string) => progress.warn(sentence);
  const options = { key, state: await memoryIn(state, warn), warn };
  const stated = await statedOf(image, layoutsOf(only), options);
  const proved = signatureOnly
    ? await proveSignature(foreign, signer)
    : await proveAll({ ...asked, revokedVerdicts: stated.revokedVerdicts }, key, only);
  // A statement is about a tag; a digest cannot move.
  if (reference.digest === undefined) {
    const expected = { ...options, allowExpired };
    const standing = await requireCurrent(image.digest, signed, stated, expected);
    if (standing) proved.push(tagProof(standing));
    else if (!signatureOnly) progress.warn(`nothing states until when ${signed} names this image`);
  }
  return { ...verification, proved };
}

function tagProof({ reference, number, expires }: Standing): Proof {
  const until = new Date(expires * 1000).toISOString().slice(0, 10);
  return { claim: 'tag', layout: 'any', detail: `named by ${reference} until ${until}, statement ${number}` };
}

/** A public key that signs statements. Throws KEY_FILE_INVALID, USAGE. */
export async function readPemKey(path: string, signal: AbortSignal | undefined): Promise<PublicKey> {
  return keyOf(await readSignerKey(path, { signal }), path);
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
  return found.map(({ layout, signed, signer: id }) => {
    const by = layout === 'lookaside' ? ` by ${id}` : '';
    return { claim: 'signature', layout, detail: `${signedAsText(signed)}${by}` };
  });
}

function signedAsText(signed: string | undefined): string {
  return signed === undefined ? 'signed under no name' : `signed as ${signed}`;
}

/** A reference that one layout has proved need not be in the other: both are of one key and one digest. */
async function proveAll(
  {
    reference,
    allowUnnamed,
    revokedVerdicts,
    ...image
  }: PublishedImage & ProofOptions & { reference: string },
  key: PublicKey,
  only: Layout | undefined,
): Promise<Proof[]> {
  const proved: Proof[] = [];
  for (const layout of layoutsOf(only)) {
    const hasReference = proved.length > 0;
    const options = { allowUnnamed: allowUnnamed || hasReference, revokedVerdicts };
    proved.push(...(await proofs[layout](image, key, [reference], options)));
  }
  return proved;
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

export interface ProofOptions {
  /** Whether a bundle without a reference counts. */
  allowUnnamed: boolean;
  revokedVerdicts: ReadonlySet<string>;
}

/** The proofs required of each layout. The references have a tag if the caller asked for one. */
export const proofs: Record<
  Layout,
  (
    image: PublishedImage,
    key: PublicKey,
    references: readonly string[],
    options: ProofOptions,
  ) => Promise<Proof[]>
> = {
  async sig(image, key, references, { revokedVerdicts }) {
    const expected = { key, digest: image.digest };
    const attached = await fetchAttachment(image, 'sig');
    const signed = references.map((reference) => verifySignatures({ ...expected, reference }, attached));
    const envelopes = attachedEnvelopes(image.digest, await fetchAttachment(image, 'att'));
    return [
      ...signed.map((one) => ({ claim: 'signature', layout: 'sig', detail: `signed as ${one}` }) as const),
      ...proveClaims(expected, envelopes, 'sig', revokedVerdicts),
    ];
  },
  async bundle(image, key, references, { allowUnnamed, revokedVerdicts }) {
    const expected = { key, digest: image.digest };
    const envelopes = bundledEnvelopes(await fetchBundles(image));
    const signed = references.map((reference) =>
      verifyImageStatement({ ...expected, reference, allowUnnamed: allowUnnamed }, envelopes),
    );
    return [
      ...signed.map((one) => ({ claim: 'signature', layout: 'bundle', detail: signedAsText(one) }) as const),
      ...proveClaims(expected, envelopes, 'bundle', revokedVerdicts),
    ];
  },
};

function proveClaims(
  expected: ExpectedImage,
  envelopes: readonly FoundEnvelope[],
  layout: Layout,
  revokedVerdicts: ReadonlySet<string>,
): Proof[] {
  const { packages, files } = verifySboms(expected, envelopes);
  verifyVerdict(expected, envelopes, revokedVerdicts);
  return [
    { claim: 'sbom', layout, detail: `SPDX and CycloneDX, of ${packages} packages and ${files} files` },
    { claim: 'verdict', layout, detail: 'booted, and passed its checks' },
  ];
}
