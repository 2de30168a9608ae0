/** Images as a registry has them once they are published, and what verification says of them. */
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import type { Fetched } from '../../../src/stages/sign/artifact.ts';
import { attachedEnvelopes, mergeAttestations } from '../../../src/stages/sign/attestation.ts';
import { generateKeyPair, readPrivateKey, type SigningKey } from '../../../src/stages/sign/key.ts';
import { signImage, type SignInput } from '../../../src/stages/sign/sign-image.ts';
import { bundledEnvelopes } from '../../../src/stages/sign/sigstore-bundle.ts';
import { mergeSignatures, verifySignatures } from '../../../src/stages/sign/simple-signing.ts';
import { verifyImageStatement, verifySboms, verifyVerdict } from '../../../src/stages/sign/verify.ts';
import { emptySboms } from '../../helpers/empty-sboms.ts';

const epoch = 1_700_000_000;
export const repository = 'registry.example.com:5000/vendor/app';
export const references = [`${repository}:1.0`, `${repository}:latest`];
const imageOf = (name: string) => {
  const bytes = Buffer.from(name);
  return {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: sha256Of(bytes),
    size: bytes.length,
  };
};
export const image = imageOf('image');
export const other = imageOf('other');

const makeKey = async () => readPrivateKey((await generateKeyPair('x')).privatePem, 'x');
export const [key, stranger]: [SigningKey, SigningKey] = [await makeKey(), await makeKey()];

export function input(of = image): SignInput {
  return {
    image: of,
    references,
    sboms: emptySboms('app', of.digest, epoch),
    verdict: {
      manifestDigest: of.digest,
      passed: true,
      checks: [{ check: 'tcp 80', instance: 1, passed: true }],
      plan: { init: true },
    },
    standings: [],
    epoch,
  };
}

export interface Published {
  sig: Fetched;
  att: Fetched;
  bundles: Fetched[];
}

export function publish(signer = key, of = image, before?: Published): Published {
  const signed = signImage(signer, input(of));
  return {
    sig: whole(mergeSignatures(signer.public, of.digest, signed.signatures, before?.sig), before?.sig),
    att: whole(mergeAttestations(signer.public, of.digest, signed.attestations, before?.att), before?.att),
    bundles: [...(before?.bundles ?? []), ...signed.bundles],
  };
}

/** As a registry has it: the blobs of before are still there. */
function whole({ manifest, blobs }: Fetched, before?: Fetched): Fetched {
  return { manifest, blobs: new Map([...(before?.blobs ?? []), ...blobs]) };
}

export const signature = (from: Published, reference = references[0]!, of = image) =>
  verifySignatures({ key: key.public, digest: of.digest, reference }, from.sig);
export const claims = {
  bundleSignature: (from: Published) => verifyImageStatement(named(), bundledEnvelopes(from.bundles)),
  bundleSboms: (from: Published) => verifySboms(expected(), bundledEnvelopes(from.bundles)),
  bundleVerdict: (from: Published) => verifyVerdict(expected(), bundledEnvelopes(from.bundles)),
  sboms: (from: Published) => verifySboms(expected(), attachedEnvelopes(image.digest, from.att)),
  verdict: (from: Published) => verifyVerdict(expected(), attachedEnvelopes(image.digest, from.att)),
};
export const named = (reference = references[0]!) => ({ ...expected(), reference, allowUnnamed: false });
export const expected = () => ({ key: key.public, digest: image.digest });

/** Everything at once: the code of the first that refuses. */
export function judge(from: Published): string {
  try {
    signature(from);
    for (const claim of Object.values(claims)) claim(from);
    return 'holds';
  } catch (error) {
    if (error instanceof MillinerError) return error.code;
    throw error;
  }
}
