/** For `tag` and `checkout`: gives a name an image that is here. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Context } from './context.ts';
import { findRecords } from './find-image.ts';
import type { Reason } from './generations.ts';
import { isComplete, titleOf, writeRecord, type ImageRecord } from './image-records.ts';
import { localName } from './local-name.ts';
import { withStateLock } from './state-lock.ts';

export interface GivenName {
  name: string;
  /** By architecture. */
  images: Record<string, Digest>;
}

/** The image of each architecture gets the name. Throws IMAGE_NOT_FOUND, REFERENCE_INVALID. */
export async function tagImage(context: Context, image: string, name: string): Promise<GivenName> {
  return giveName(context, await findRecords(context.state, image), localName(name), 'tagged');
}

/** A name means a former generation of itself again. Throws USAGE, IMAGE_NOT_FOUND. */
export async function checkOut(context: Context, image: string): Promise<GivenName> {
  const [, name] = /^(.+)@\d+$/.exec(image) ?? [];
  if (name === undefined) throw new MillinerError('USAGE', `${image} is not NAME@GENERATION`);
  return giveName(context, await findRecords(context.state, image), localName(name), 'checked out');
}

async function giveName(
  context: Context,
  found: readonly ImageRecord[],
  name: string,
  reason: Reason,
): Promise<GivenName> {
  return context.content.lease(() =>
    withStateLock(context, `build-${name}`, async () => {
      for (const record of found) {
        if (!(await isComplete(context, record))) throw incomplete(record);
        await writeRecord(context.state, { ...record, name, title: titleOf(record) }, reason);
      }
      return { name, images: Object.fromEntries(found.map((one) => [one.arch, one.manifestDigest])) };
    }),
  );
}

function incomplete({ name, manifestDigest }: ImageRecord): MillinerError {
  return new MillinerError('IMAGE_NOT_FOUND', `gc has removed content of ${name} (${manifestDigest})`, {
    hint: 'Build it again from the recipe and lock that it was built from.',
    details: { name, digest: manifestDigest },
  });
}
