/** verify: whether an image in a registry is signed, listed and booted, as a client that trusts one key sees it. */
import { MillinerError } from '../errors.ts';
import type { Digest } from '../registry/descriptor.ts';
import { completeReference } from '../registry/places.ts';
import { parseReference, showReference, wantedTag, taggedReference } from '../registry/reference.ts';
import { attachedEnvelopes, type FoundEnvelope } from '../sign/attestation.ts';
import { bundledEnvelopes } from '../sign/bundle.ts';
import type { PublicKey } from '../sign/publickey.ts';
import { verifySignatures, type ExpectedImage } from '../sign/simplesigning.ts';
import { verifyImageStatement, verifySboms, verifyVerdict } from '../sign/verify.ts';
import type { RunOptions } from './context.ts';
import { verifySigned, type ForeignImage } from './imagesignature.ts';
import { fetchAttachment, fetchBundles, type PublishedImage } from './signatures.ts';
import { readSignerKey, type SignerKey } from './signerkey.ts';
import { findImage } from './source.ts';

/** `sig`: the tags that podman, skopeo and older cosigns read; `bundle`: the referrers that cosign 3 reads. */
export const layouts = ['sig', 'bundle'] as const;
export type Layout = (typeof layouts)[number];

export const layoutsOf = (only: Layout | undefined): readonly Layout[] =>
  only === undefined ? layouts : [only];

export interface Proof {
  claim: 'signature' | 'sbom' | 'verdict';
  /** `lookaside`: beside the registry, where OpenPGP signatures of others lie. */
  layout: Layout | 'lookaside';
  /** What the signature says, for people. */
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
  /** Both where it is left out. */
  only?: Layout | undefined;
  /** Whether bundles that name no reference will do, under any tag; under a digest they do. */
  unnamed?: boolean | undefined;
  /** The reference that was signed, where the image is a copy of what is published there. */
  signedAs?: string | undefined;
  /**
   * What a recipe asks of a base: one signature, wherever it is. Others' images have neither a bill of materials nor a
   * verdict of ours.
   */
  signatureOnly?: boolean | undefined;
}

/** Throws USAGE, KEY_FILE_INVALID, SIGNATURE_MISSING and the others of `gravity`, what registries throw. */
export async function verifyReference(
  {
    reference: text,
    key: keyPath,
    plainHttp,
    only,
    signedAs,
    unnamed = false,
    signatureOnly = false,
  }: VerifyOptions,
  { progress, signal }: Pick<RunOptions, 'progress' | 'signal'>,
): Promise<Verification> {
  const signer = await readSignerKey(keyPath, { signal });
  if (signatureOnly && only !== undefined) {
    throw new MillinerError('USAGE', '--signature-only takes a signature of any layout: leave out --only');
  }
  const reference = parseReference(completeReference(text));
  const wanted = reference.digest ?? wantedTag(reference)!;
  const found = await findImage(reference, wanted, { plainHttp, progress, signal });
  const image = { ...found, digest: found.manifest.digest };
  // Whatever mirror it came from: what was signed is its name.
  const shown = taggedReference(reference);
  const signed = signedAs === undefined ? shown : signedReference(signedAs);
  progress.step(`verifying ${shown} at ${image.digest}`);
  // Who asks by digest has said which image is meant; who names what was signed asks for that name.
  const orUnnamed = unnamed || (reference.digest !== undefined && signedAs === undefined);
  const asked = { ...image, reference: signed, orUnnamed };
  const proved = signatureOnly
    ? await proveSignature({ ...asked, digests: [image.digest], signal }, signer)
    : await proveAll(asked, keyOf(signer, keyPath), only);
  return { reference: shown, manifestDigest: image.digest, proved };
}

/** Only sigstore's keys sign more than an image. */
function keyOf(signer: SignerKey, path: string): PublicKey {
  if (signer.format === 'pem') return signer.key;
  throw new MillinerError(
    'USAGE',
    `${path} is a key of OpenPGP, which signs no bill of materials and no verdict`,
    {
      hint: 'To ask for the signature alone: --signature-only',
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

/** A name that one layout has proved need not be in the other: both are of one key and one digest. */
async function proveAll(
  { reference, orUnnamed, ...image }: PublishedImage & { reference: string; orUnnamed: boolean },
  key: PublicKey,
  only: Layout | undefined,
): Promise<Proof[]> {
  const proved: Proof[] = [];
  for (const layout of layoutsOf(only)) {
    const isNamed = proved.length > 0;
    proved.push(...(await proofs[layout](image, key, [reference], orUnnamed || isNamed)));
  }
  return proved;
}

/** As signatures have it: of one tag, or of all that a repository has. */
function signedReference(text: string): string {
  const { digest, ...reference } = parseReference(text);
  if (digest === undefined) return showReference(reference);
  throw new MillinerError('REFERENCE_INVALID', `--signed-as ${text}: signatures name no digest`);
}

/** What each layout must hold; the references have the tag where that is what was asked for. */
export const proofs: Record<
  Layout,
  (
    image: PublishedImage,
    key: PublicKey,
    references: readonly string[],
    orUnnamed?: boolean,
  ) => Promise<Proof[]>
> = {
  async sig(image, key, references) {
    const expected = { key, digest: image.digest };
    const attached = await fetchAttachment(image, 'sig');
    const signed = references.map((reference) => verifySignatures({ ...expected, reference }, attached));
    const envelopes = attachedEnvelopes(image.digest, await fetchAttachment(image, 'att'));
    return [
      ...signed.map((one) => ({ claim: 'signature', layout: 'sig', detail: `signed as ${one}` }) as const),
      ...proveClaims(expected, envelopes, 'sig'),
    ];
  },
  async bundle(image, key, references, orUnnamed = false) {
    const expected = { key, digest: image.digest };
    const envelopes = bundledEnvelopes(await fetchBundles(image));
    const signed = references.map((reference) =>
      verifyImageStatement({ ...expected, reference, orUnnamed }, envelopes),
    );
    return [
      ...signed.map((one) => ({ claim: 'signature', layout: 'bundle', detail: signedAsText(one) }) as const),
      ...proveClaims(expected, envelopes, 'bundle'),
    ];
  },
};

function proveClaims(expected: ExpectedImage, envelopes: readonly FoundEnvelope[], layout: Layout): Proof[] {
  const { packages, files } = verifySboms(expected, envelopes);
  verifyVerdict(expected, envelopes);
  return [
    { claim: 'sbom', layout, detail: `SPDX and CycloneDX, of ${packages} packages and ${files} files` },
    { claim: 'verdict', layout, detail: 'booted, and passed its checks' },
  ];
}
