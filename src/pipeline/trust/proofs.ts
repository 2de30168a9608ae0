/**
 * What a client that trusts one key can prove of an image or an index in a registry, from the bytes that the registry
 * returns: in each layout a signature, and of an image its bills of materials and its passed verdict.
 */
import { afterRetries } from '../../stages/boot/attempts.ts';
import { attachedEnvelopes, type FoundEnvelope } from '../../stages/sign/attestation.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { bundledEnvelopes } from '../../stages/sign/sigstore-bundle.ts';
import { verifySignatures, type ExpectedImage } from '../../stages/sign/simple-signing.ts';
import { verifyImageStatement, verifySboms, verifyVerdict, type Listed } from '../../stages/sign/verify.ts';
import { fetchAttachment, fetchBundles, type Layout, type PublishedImage } from './fetch-signatures.ts';

export interface Proof {
  claim: 'signature' | 'sbom' | 'verdict' | 'tag';
  /** `lookaside`: OpenPGP signatures beside the registry; `any`: either layout. */
  layout: Layout | 'lookaside' | 'any';
  /** What the proof says, shown to people. */
  detail: string;
  /** Of a verdict that passed only when the image was booted again. */
  retries?: number;
}

export interface ProofOptions {
  /** An index has signatures alone, and a stack a verdict besides: their images have the evidence. */
  of: 'image' | 'index' | 'stack';
  /** Whether a bundle without a reference counts. */
  allowUnnamed: boolean;
  revokedVerdicts: ReadonlySet<string>;
}

interface Proved {
  proved: Proof[];
  /** Names of the recipes in the verdicts that were proved. */
  recipes: string[];
}

/**
 * The proofs of each of the layouts. A reference that one layout has proved need not be in the other: both are of one
 * key and one digest. The references have a tag if the caller asked for one.
 */
export async function prove(
  image: PublishedImage,
  key: PublicKey,
  layouts: readonly Layout[],
  references: readonly string[],
  options: ProofOptions,
): Promise<Proved> {
  const all: Proved = { proved: [], recipes: [] };
  for (const layout of layouts) {
    const allowUnnamed = options.allowUnnamed || all.proved.length > 0;
    const { proved, recipes } = await proofs[layout](image, key, references, { ...options, allowUnnamed });
    all.proved.push(...proved);
    all.recipes.push(...recipes);
  }
  return all;
}

/** The proofs required of each layout. */
export const proofs: Record<
  Layout,
  (
    image: PublishedImage,
    key: PublicKey,
    references: readonly string[],
    options: ProofOptions,
  ) => Promise<Proved>
> = {
  async sig(image, key, references, options) {
    const expected = { key, digest: image.digest };
    const attached = await fetchAttachment(image, 'sig');
    const signed = references.map((reference) => verifySignatures({ ...expected, reference }, attached));
    const signatures = signed.map((one) => signatureProof('sig', one));
    if (options.of === 'index') return { proved: signatures, recipes: [] };
    const envelopes = attachedEnvelopes(image.digest, await fetchAttachment(image, 'att'));
    return proveClaims(signatures, expected, envelopes, options);
  },
  async bundle(image, key, references, { of, allowUnnamed, revokedVerdicts }) {
    const expected = { key, digest: image.digest };
    const kind = of === 'index' ? 'signatures' : 'statements';
    const envelopes = bundledEnvelopes(await fetchBundles(image, kind));
    const signed = references.map((reference) =>
      verifyImageStatement({ ...expected, reference, allowUnnamed }, envelopes),
    );
    const signatures = signed.map((one) => signatureProof('bundle', one));
    if (of === 'index') return { proved: signatures, recipes: [] };
    return proveClaims(signatures, expected, envelopes, { of, revokedVerdicts });
  },
};

export function signatureProof(layout: Proof['layout'], signed: string | undefined, by = ''): Proof {
  const name = signed === undefined ? 'signed under no name' : `signed as ${signed}`;
  return { claim: 'signature', layout, detail: `${name}${by}` };
}

function sbomProof(layout: Proof['layout'], { packages, files }: Listed): Proof {
  return { claim: 'sbom', layout, detail: `SPDX and CycloneDX, of ${packages} packages and ${files} files` };
}

function proveClaims(
  signatures: readonly Proof[],
  expected: ExpectedImage,
  envelopes: readonly FoundEnvelope[],
  { of, revokedVerdicts }: Pick<ProofOptions, 'of' | 'revokedVerdicts'>,
): Proved {
  const { layout } = signatures[0]!;
  const sboms = of === 'stack' ? [] : [sbomProof(layout, verifySboms(expected, envelopes))];
  const { recipe, retries } = verifyVerdict(expected, envelopes, revokedVerdicts);
  const detail = `booted, and passed its checks${afterRetries(retries)}`;
  return {
    proved: [...signatures, ...sboms, { claim: 'verdict', layout, detail, ...(retries > 0 && { retries }) }],
    recipes: recipe === undefined ? [] : [recipe],
  };
}
