/** Decides on the next statement about each tag of an image. Its number is above those of earlier statements. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Standing } from '../../stages/sign/standing.ts';
import { layouts, type PublishedImage } from '../trust/fetch-signatures.ts';
import { seenTag, type SeenTag } from '../trust/seen-tags.ts';
import { rememberCurrent, statedOf, type StandingOptions } from '../trust/standings.ts';
import type { Target } from './targets.ts';

/** Default validity of a statement in seconds. Publishing again starts it anew. */
export const defaultLife = 90 * 24 * 3600;

/**
 * A statement with more than half of its validity left stays, unless this state has seen a newer one. So publishing
 * twice gives the same bytes. Throws IMAGE_REVOKED, STATE_INVALID, and what registries throw.
 */
export async function nextStandings(
  image: PublishedImage,
  { tags }: Target,
  life: number,
  options: StandingOptions & { state: string },
): Promise<Standing[]> {
  const own = (await statedOf(image, layouts, options)).standings;
  const standings: Standing[] = [];
  for (const { tag, reference } of tags) {
    const former = await formerNumber(image, tag, reference, options);
    const seen = await seenTag(options.state, { key: options.key.hint, of: reference });
    const known = own.get(reference);
    const now = Date.now();
    const issued = Math.floor(now / 1000);
    const holds = known && isInForce(known, { digest: image.digest, former, seen, life });
    // At least the time of the clock, so that the numbers of two publishers rise although they do not know of each
    // other.
    const number = Math.max(now, ...[former, known?.number, seen?.number].map((one = 0) => one + 1));
    standings.push(holds ? known : { reference, number, issued, expires: issued + life });
  }
  return standings;
}

/** Whether a statement stays. `former` is the number of the one about the image that the tag points to now. */
export function isInForce(
  { number, expires }: Standing,
  { digest, former, seen, life }: { digest: Digest; former: number; seen: SeenTag | undefined; life: number },
): boolean {
  const remaining = expires - Math.floor(Date.now() / 1000);
  const isSeen = number === seen?.number && seen.digest === digest;
  const isNewest = number > Math.max(former, isSeen ? -1 : (seen?.number ?? -1));
  return isNewest && remaining > life / 2 && remaining <= life;
}

/**
 * The number of the statement about the image that the tag points to now, which is remembered; -1 if the tag points to
 * no other image, or if that image has no readable statement.
 */
async function formerNumber(
  image: PublishedImage,
  tag: string,
  reference: string,
  options: StandingOptions & { state: string },
): Promise<number> {
  const digest = await image.client.headManifest(image.repository, tag);
  if (digest === undefined || digest === image.digest) return -1;
  try {
    const stated = await statedOf({ ...image, digest }, layouts, options);
    await rememberCurrent(digest, reference, stated, options);
    return stated.standings.get(reference)?.number ?? -1;
  } catch (error) {
    const ignoredCodes = ['IMAGE_REVOKED', 'IMAGE_ALTERED', 'REGISTRY_EXCESS'];
    if (error instanceof MillinerError && ignoredCodes.includes(error.code)) return -1;
    throw error;
  }
}
