/** The release of a published image as it is to be on GitHub. */
import type { Digest } from '../lib/oci/digest.ts';
import type { StateContext } from '../pipeline/state/context.ts';
import type { PublicKey } from '../stages/sign/public-key.ts';
import type { ImageReport } from '../stages/report/night-report.ts';
import type { Release, ReleaseAsset } from './ensure-release.ts';
import { imageDocuments } from './image-documents.ts';
import { releaseNotes, wholeNotesFile } from './release-notes.ts';
import { releaseTag } from './release-tag.ts';
import { keyFile } from './verify-commands.ts';

export type PublishedImage = ImageReport & { digest: Digest };

export const isPublished = (image: ImageReport): image is PublishedImage =>
  image.outcome === 'published' && image.digest !== undefined;

export async function releaseOfImage(
  context: StateContext,
  image: PublishedImage,
  at: { started: string; commit: string | undefined; key: PublicKey },
): Promise<Release> {
  const { recipe, digest } = image;
  const { body, whole } = await releaseNotes(image, at.started);
  const assets: ReleaseAsset[] = [
    textAsset(keyFile, 'application/x-pem-file', at.key.pem),
    ...(whole === undefined ? [] : [textAsset(wholeNotesFile, 'text/markdown; charset=utf-8', whole)]),
    ...(await imageDocuments(context, digest)),
  ];
  const title = `${recipe} of ${at.started.slice(0, 10)}`;
  return { tag: releaseTag(recipe, digest), commit: at.commit, title, body, assets };
}

const textAsset = (name: string, contentType: string, text: string): ReleaseAsset => ({
  name,
  contentType,
  content: Buffer.from(text),
});
