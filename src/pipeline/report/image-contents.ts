/** What the key proves of one published image: its packages, its verdict, and whether it was revoked. */
import { MillinerError } from '../../lib/errors/error.ts';
import { Turn } from '../../lib/host/parallel.ts';
import type { Descriptor } from '../../lib/oci/descriptor.ts';
import type { Nevra } from '../../lib/rpm/package.ts';
import { attachedEnvelopes, claimedType, type FoundEnvelope } from '../../stages/sign/attestation.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { revocationsOf } from '../../stages/sign/revocation.ts';
import { packagesInSbom } from '../../stages/sign/sbom-packages.ts';
import { bundledEnvelopes } from '../../stages/sign/sigstore-bundle.ts';
import { predicateTypes } from '../../stages/sign/statement.ts';
import { verifyVerdict } from '../../stages/sign/verify.ts';
import { fetchAttachment, fetchBundles, type PublishedImage } from '../trust/fetch-signatures.ts';

export type PublishedVerdict = 'passed' | 'missing' | 'revoked';

export interface ImageContents {
  packages: Nevra[];
  verdict: PublishedVerdict;
  revoked: boolean;
}

/** A bill of materials may have 64 MiB, and several times that once it is parsed. */
const readers = [new Turn(), new Turn()];
let asked = 0;

const neededTypes: readonly (string | undefined)[] = [
  predicateTypes.spdx,
  predicateTypes.verdict,
  predicateTypes.revocation,
];
const isNeeded = (layer: Descriptor) => neededTypes.includes(claimedType(layer));

/**
 * Two images at a time, so that memory does not grow with their number. Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY,
 * IMAGE_ALTERED, and what registries throw.
 */
export async function readContents(image: PublishedImage, key: PublicKey): Promise<ImageContents> {
  const done = await readers[asked++ % readers.length]!.take();
  try {
    return await contentsOf(image, key);
  } finally {
    done();
  }
}

/** The `.att` tag is read first: a bundle is one request more for each statement. */
async function contentsOf(image: PublishedImage, key: PublicKey): Promise<ImageContents> {
  const attached = attachedEnvelopes(
    image.digest,
    await fetchAttachment(image, 'att', 'statements', isNeeded),
  );
  try {
    return contentsIn(image, key, attached);
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'SIGNATURE_MISSING') throw error;
    return contentsIn(image, key, [...attached, ...bundledEnvelopes(await fetchBundles(image))]);
  }
}

function contentsIn(
  { digest }: PublishedImage,
  key: PublicKey,
  envelopes: readonly FoundEnvelope[],
): ImageContents {
  const expected = { key, digest };
  const packages = packagesInSbom(expected, envelopes);
  const revocations = revocationsOf(expected, envelopes);
  const revokedVerdicts = new Set(revocations.flatMap(({ verdicts = [] }) => verdicts));
  return {
    packages,
    verdict: verdictIn(() => verifyVerdict(expected, envelopes, revokedVerdicts)),
    revoked: revocations.some(({ verdicts }) => verdicts === undefined),
  };
}

function verdictIn(verify: () => void): PublishedVerdict {
  try {
    verify();
    return 'passed';
  } catch (error) {
    if (!(error instanceof MillinerError)) throw error;
    return error.code === 'VERDICT_REVOKED' ? 'revoked' : 'missing';
  }
}
