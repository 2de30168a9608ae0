/** Signs all statements about an image or an index for one repository: each once, in both layouts. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Descriptor } from '../../lib/oci/descriptor.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Artifact } from './artifact.ts';
import type { AttachedLayer } from './attachment.ts';
import { attachedLayer } from './attestation.ts';
import type { CycloneDxDocument } from './cyclonedx.ts';
import type { SigningKey } from './key.ts';
import { attestReference } from './reference-claim.ts';
import { bundleArtifact } from './sigstore-bundle.ts';
import { signReference } from './simple-signing.ts';
import type { SpdxDocument } from './spdx.ts';
import { attestStanding, type Standing } from './standing.ts';
import { attest, predicateTypes, type Attestation } from './statement.ts';
import { requirePassedResult, testResult, type SignedVerdict } from './test-result.ts';

export interface SignInput {
  /** Descriptor of the image's manifest. */
  image: Descriptor;
  /** REGISTRY/REPOSITORY:TAG of every new tag of the image in the repository. */
  references: readonly string[];
  /** The SBOM in both formats. */
  sboms: { spdx: SpdxDocument; cyclonedx: CycloneDxDocument };
  verdict: SignedVerdict;
  /** Statements about its new tags. */
  standings: readonly Standing[];
  /** The image's epoch in seconds, the only time that is written. */
  epoch: number;
}

/** Plain blobs and manifests; signatures and attestations must still be merged with those in the repository. */
export interface SignedImage {
  /** For mergeSignatures: one for each reference. */
  signatures: AttachedLayer[];
  /** For mergeAttestations: both SBOMs, the boot verdict, the statements about tags. */
  attestations: AttachedLayer[];
  /**
   * Referrers of the image: a signature for each reference, both SBOMs, the boot verdict, the statements about tags.
   */
  bundles: Artifact[];
}

/** What is signed of an index, and of a signed image that gets another tag, or an older one again. */
export type TagSignInput = Pick<SignInput, 'image' | 'references' | 'standings' | 'epoch'>;

/** The same input gives the same bytes. Throws VERDICT_MISSING: an image without a passed boot is not signed. */
export function signImage(key: SigningKey, { sboms, verdict, ...input }: SignInput): SignedImage {
  const { digest } = input.image;
  requireVerdict(verdict, digest);
  return signClaims(key, input, [
    attest(key, digest, predicateTypes.spdx, sboms.spdx),
    attest(key, digest, predicateTypes.cyclonedx, sboms.cyclonedx),
    attest(key, digest, predicateTypes.verdict, testResult(verdict)),
  ]);
}

/** A stack has no packages of its own: its verdict is its evidence. Throws VERDICT_MISSING. */
export function signStack(
  key: SigningKey,
  { verdict, ...input }: TagSignInput & Pick<SignInput, 'verdict'>,
): SignedImage {
  const { digest } = input.image;
  requireVerdict(verdict, digest);
  return signClaims(key, input, [attest(key, digest, predicateTypes.verdict, testResult(verdict))]);
}

/** An index needs no evidence: its images have their own. The caller has verified that this key has signed the image. */
export function signTags(key: SigningKey, input: TagSignInput): SignedImage {
  return signClaims(key, input, []);
}

function signClaims(
  key: SigningKey,
  { image, references, standings, epoch }: TagSignInput,
  more: readonly Attestation[],
): SignedImage {
  const { mediaType, digest, size } = image;
  const subject: Descriptor = { mediaType, digest, size };
  const claims = [...more, ...standings.map((standing) => attestStanding(key, digest, standing))];
  const signatures = references.map((reference) => attestReference(key, digest, reference));
  return {
    signatures: references.map((reference) => signReference(key, digest, reference)),
    attestations: claims.map((claim) => attachedLayer(claim, key.public)),
    bundles: [...signatures, ...claims].map((claim) =>
      bundleArtifact(claim, { key: key.public, subject, epoch }),
    ),
  };
}

function requireVerdict(verdict: SignedVerdict, digest: Digest): void {
  if (verdict.manifestDigest !== digest) {
    throw new MillinerError(
      'VERDICT_MISSING',
      `the boot verdict is of ${verdict.manifestDigest}, not of ${digest}`,
    );
  }
  requirePassedResult(testResult(verdict), digest);
}
