/** Moves the tags to an image or an index that is signed at every target: the last step of a publication. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Context } from '../state/context.ts';
import { addPublication } from '../state/publications.ts';
import { rememberCurrent, statedOf } from '../trust/standings.ts';
import { unlimitedLease, withLease, type AcquireLease } from './lease.ts';
import { manifestAt, standingOptions, type Manifested, type Signing } from './sign-at.ts';
import type { Target } from './targets.ts';

/**
 * Returns the references. `images` are those of an index: registries can mount their blobs from there.
 */
export async function promote(
  context: Context,
  what: Manifested,
  targets: Target[],
  acquireLease = unlimitedLease,
  images: readonly Digest[] = [what.digest],
): Promise<string[]> {
  for (const target of targets) await moveTags(context, what, target, acquireLease);
  const references = targets.flatMap(({ tags }) => tags.map(({ reference }) => reference));
  for (const digest of images) await addPublication(context.state, digest, references);
  return references;
}

async function moveTags(
  context: Context,
  { digest, manifest, mediaType }: Manifested,
  target: Target,
  acquireLease: AcquireLease,
): Promise<void> {
  const { client, repository } = target;
  for (const { tag, reference } of target.tags) {
    await withLease(context, acquireLease, target, async (within) => {
      if ((await within.client.headManifest(repository, tag)) === digest) return;
      await within.client.putManifest(repository, tag, manifest, mediaType);
    });
    const there = await client.getManifest(repository, tag);
    if (there?.digest !== digest) {
      throw new MillinerError(
        'REGISTRY_INVALID',
        `${reference} names ${there?.digest ?? 'nothing'} after it was moved`,
        {
          hint: 'Find out who else publishes there: another publisher may have moved the tag at the same time.',
          details: { reference, digest },
        },
      );
    }
    context.progress.step(`${reference} is ${digest}`);
  }
}

/**
 * Remembered after the tags have moved: the next verification here detects a rollback, and the next statement continues
 * from this number.
 */
export async function rememberTags(context: Context, what: Manifested, targets: Target[], signing: Signing) {
  const options = standingOptions(context, signing);
  for (const target of targets) {
    const stated = await statedOf(manifestAt(what, target), signing.layouts, options);
    for (const { reference } of target.tags) await rememberCurrent(what.digest, reference, stated, options);
  }
}
