/** Indexes that clients could read in two ways, signed all the same: neither verify nor rollback takes one. */
import { mkdtemp } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import { indexType, manifestType } from '../../../src/lib/oci/descriptor.ts';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import { makeImageIndex, type IndexedImage } from '../../../src/lib/oci/image-index.ts';
import { appendMove } from '../../../src/pipeline/publish/append-move.ts';
import { rollback } from '../../../src/pipeline/publish/rollback-tag.ts';
import { describe } from '../../../src/stages/sign/artifact.ts';
import { password, Shelf } from '../../helpers/signed-images.ts';
import { platformImage, signAll, signIndex } from '../../helpers/signed-indexes.ts';

let shelf: Shelf;
beforeAll(async () => {
  shelf = await Shelf.open();
});
afterAll(() => shelf.close());

const amd64 = { architecture: 'amd64', os: 'linux' as const };
const small = { architecture: '386', os: 'linux' as const };

/** Two signed images for a tag, as an index names them. */
async function pair(tag: string): Promise<IndexedImage[]> {
  const images: IndexedImage[] = [];
  for (const platform of [amd64, small]) {
    const image = await platformImage(shelf, platform, `${tag} ${platform.architecture}`, [
      shelf.reference(tag),
    ]);
    await signAll(shelf, image, 'app');
    const { digest, size } = image.descriptor;
    images.push({ mediaType: manifestType, digest, size, platform });
  }
  return images;
}

const text = (images: readonly IndexedImage[]) => makeImageIndex(images).bytes.toString();
const withImages = (manifests: readonly object[]) =>
  JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests });

const forms: [string, (images: readonly IndexedImage[]) => string][] = [
  [
    'an image with two platforms',
    (images) =>
      text(images).replace('"platform":', '"platform":{"architecture":"arm64","os":"linux"},"platform":'),
  ],
  ['two lists of images', (images) => text(images).replace('"manifests":', '"manifests":[],"manifests":')],
  ['a list under a name in capitals', (images) => text(images).replace('}]}', '}],"Manifests":[]}')],
  ['one platform twice', ([one, other]) => withImages([one!, { ...other!, platform: one!.platform }])],
  ['an image twice', ([one]) => withImages([one!, { ...one!, platform: small }])],
  [
    'more images than there are platforms',
    ([one]) =>
      withImages(
        Array.from({ length: 33 }, (_, index) => ({ ...one!, platform: { ...amd64, variant: `v${index}` } })),
      ),
  ],
  ['blanks without end', (images) => `${text(images)}${' '.repeat(70_000)}`],
  [
    'an annotation of others',
    ([one]) => withImages([{ ...one!, annotations: { 'io.containerd.image.name': 'evil' } }]),
  ],
  ['another place to fetch from', ([one]) => withImages([{ ...one!, urls: ['https://evil.example.com/'] }])],
  [
    'another operating system',
    ([one, other]) => withImages([one!, { ...other!, platform: { architecture: '386', os: 'windows' } }]),
  ],
];

test.each(forms)('%s', async (name, written) => {
  const tag = name.replaceAll(' ', '-');
  const images = await pair(tag);
  const reference = shelf.reference(tag);
  const bytes = Buffer.from(written(images));
  const hostile = describe(indexType, bytes).digest;
  await signIndex(shelf, tag, bytes);
  await expect(shelf.verify(reference)).rejects.toMatchObject({ code: 'INDEX_INVALID' });
  // The tag has had it, and has a sound one now.
  const place = { client: shelf.client, repository: shelf.repository, tag, reference };
  const state = await mkdtemp(shelf.path('state-'));
  const record = (to: Digest) =>
    appendMove(place, shelf.key, { state, warn: () => undefined }, () => ({ to, reason: 'published' }));
  await record(hostile);
  const sound = Buffer.from(text(images));
  await signIndex(shelf, tag, sound);
  await record(describe(indexType, sound).digest);
  expect((await shelf.verify(reference)).images).toHaveLength(2);
  const options = {
    reference,
    key: shelf.path('release.key'),
    password: async () => password,
    plainHttp: false,
  };
  await expect(rollback(options, { state, progress: silent })).rejects.toMatchObject({
    code: 'INDEX_INVALID',
  });
  expect(await shelf.client.headManifest(shelf.repository, tag)).toBe(describe(indexType, sound).digest);
});
