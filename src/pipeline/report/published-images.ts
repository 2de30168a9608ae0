/**
 * For `images`: the images that the tags of repositories name. Everything told of one is what the key has signed; what
 * cannot be verified is listed with the reason, never left out.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import type { Held } from '../../stages/sign/tag-hold.ts';
import type { RunOptions } from '../state/context.ts';
import { verifySigned } from '../trust/image-signature.ts';
import { refuseKnownRevoked } from '../trust/standings.ts';
import type { Repository } from '../trust/repositories-by-name.ts';
import { parallelRequests, readTags, type TaggedImage } from '../trust/tagged-images.ts';
import type { Examine } from './carried-packages.ts';
import { describe, heldAt, type DescribedImage } from './describe-published.ts';

export interface PublishedTag extends DescribedImage {
  /** HOST/REPOSITORY:TAG */
  reference: string;
  /** Of the image. */
  digest: Digest;
  /** Of the index that the tag names, for an image of several architectures. */
  index?: Digest;
  /** OCI's name, where an index says it. */
  arch?: string;
  /** What stops publishers from moving the tag, by its history; `until` in seconds since 1970. */
  held?: Held;
  /** Why nothing is told of the image: it is not signed for this tag, was revoked, or has no bill of materials. */
  problem?: { code: string; message: string };
}

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

/** In the order of the repositories and their tags. With a question the images that carry it, and those with a problem. */
export async function listPublished(
  places: readonly Repository[],
  key: PublicKey,
  examine: Examine | undefined,
  run: Run,
): Promise<PublishedTag[]> {
  const found: PublishedTag[] = [];
  for (const place of places) found.push(...(await listRepository(place, key, examine, run)));
  return found.filter(({ carries, problem }) => problem !== undefined || !carries || carries.length > 0);
}

/** An image with several tags is read once. */
async function listRepository(
  place: Repository,
  key: PublicKey,
  examine: Examine | undefined,
  { state, progress, signal }: Run,
): Promise<PublishedTag[]> {
  const { images } = await readTags(place, { progress, signal });
  const tagged = images.flatMap((image) => imagesOf(image).map((child) => ({ ...child, image })));
  const known = new Map<Digest, Promise<DescribedImage>>();
  const holds = new Map<string, Promise<Held | undefined>>();
  let done = 0;
  return inParallel(tagged, parallelRequests, signal, async ({ digest, arch, image }, within) => {
    const reference = `${place.name}:${image.tag}`;
    const shown = {
      reference,
      digest,
      ...(digest !== image.digest && { index: image.digest }),
      ...(arch !== undefined && { arch }),
    };
    try {
      const client = place.client.under(within);
      const digests = [...new Set([digest, image.digest])];
      const asked = { reference, client, repository: place.repository, digests, allowUnnamed: false };
      await verifySigned(asked, [{ format: 'pem', key }]);
      await refuseKnownRevoked(state, digest, [key]);
      const describing = known.get(digest) ?? describe(place, digest, key, examine);
      known.set(digest, describing);
      const described = await describing;
      const holding = holds.get(image.tag) ?? heldAt(place, image.tag, key, { state, progress });
      holds.set(image.tag, holding);
      const held = await holding;
      return { ...shown, ...described, ...(held && { held }) };
    } catch (error) {
      if (!isJudgement(error)) throw error;
      return { ...shown, problem: { code: error.code, message: error.message } };
    } finally {
      progress.update(`verifying the images of ${place.name}`, ++done, tagged.length);
    }
  });
}

function imagesOf({ digest, children }: TaggedImage): { digest: Digest; arch?: string | undefined }[] {
  if (children.length === 0) return [{ digest }];
  return children.map((child) => {
    const { architecture, variant } = child.platform ?? {};
    return { digest: child.digest, arch: variant ? `${architecture}/${variant}` : architecture };
  });
}

/** Codes that say something of the image. All others mean that it could not be read, and nothing can be told. */
const judgements: readonly string[] = [
  'SIGNATURE_MISSING',
  'SIGNATURE_WRONG_KEY',
  'SIGNATURE_UNNAMED',
  'SIGNED_ELSEWHERE',
  'IMAGE_ALTERED',
  'IMAGE_REVOKED',
  'HISTORY_ALTERED',
  'REGISTRY_EXCESS',
];

function isJudgement(error: unknown): error is MillinerError {
  return error instanceof MillinerError && judgements.includes(error.code);
}
