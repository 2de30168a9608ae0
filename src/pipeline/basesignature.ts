/** Whether somebody whom the recipe trusts has signed a base: in either layout, the image itself or the index it is in. */
import { MillinerError } from '../errors.ts';
import type { Digest } from '../registry/descriptor.ts';
import { parseReference, showReference } from '../registry/reference.ts';
import { bundledEnvelopes } from '../sign/bundle.ts';
import type { PublicKey } from '../sign/publickey.ts';
import { verifySignatures } from '../sign/simplesigning.ts';
import { verifyImageStatement } from '../sign/verify.ts';
import { fetchAttachment, fetchBundles, type PublishedImage } from './signatures.ts';

export interface SignedBase {
  /** As the recipe has it: a signature of another tag is none of this image. */
  reference: string;
  client: PublishedImage['client'];
  /** Where the registry has it. */
  repository: string;
  /** The image's, then those of indexes that lead to it. */
  digests: readonly Digest[];
}

/**
 * Gives the keys of which there is a good signature. Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED, and
 * what registries throw.
 */
export async function verifyBase(
  { reference, client, repository, digests }: SignedBase,
  keys: readonly PublicKey[],
): Promise<PublicKey[]> {
  const failures: MillinerError[] = [];
  const good = new Set<PublicKey>();
  for (const digest of digests) {
    const signed = await readSignatures(reference, { client, repository, digest });
    for (const key of keys) {
      for (const hold of [signed.sig, signed.bundle]) {
        try {
          hold(key);
          good.add(key);
        } catch (error) {
          if (!(error instanceof MillinerError)) throw error;
          failures.push(error);
        }
      }
    }
  }
  if (good.size > 0) return [...good];
  const told = failures.find(({ code }) => code !== 'SIGNATURE_MISSING') ?? failures[0]!;
  throw new MillinerError(told.code, `${reference}: ${told.message}`, {
    cause: told,
    hint: 'Name the key of whoever signed it in from: {keys}; without a signature it is taken with from: {unsigned: true}.',
    details: { base: reference, digests, keys: keys.map(({ hint }) => hint) },
  });
}

type Check = (key: PublicKey) => void;

/** What the registry has, as checks that throw for want of a signature of a key. */
async function readSignatures(text: string, image: PublishedImage): Promise<{ sig: Check; bundle: Check }> {
  const { digest } = image;
  const { registry, repository, tag } = parseReference(text);
  const reference = showReference({ registry, repository, ...(tag !== undefined && { tag }) });
  const attachment = await fetchAttachment(image, 'sig');
  const envelopes = bundledEnvelopes(await fetchBundles(image));
  return {
    sig: (key) => void verifySignatures({ key, digest, reference, orRepository: true }, attachment),
    bundle: (key) => verifyImageStatement({ key, digest }, envelopes),
  };
}
