/** An index that a stranger could have put together, or a publisher by mistake: verify refuses it, and says why. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { indexType, manifestType } from '../../../src/lib/oci/descriptor.ts';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import { makeImageIndex, type IndexedImage } from '../../../src/lib/oci/image-index.ts';
import { toJson } from '../../../src/stages/sign/artifact.ts';
import { Shelf, type Image } from '../../helpers/signed-images.ts';
import { platformImage, signAll, signIndex } from '../../helpers/signed-indexes.ts';

let shelf: Shelf;
beforeAll(async () => {
  shelf = await Shelf.open();
});
afterAll(() => shelf.close());

const amd64 = { architecture: 'amd64', os: 'linux' as const };
const small = { architecture: '386', os: 'linux' as const };

const imageFor = (platform: object, word: string, references: string[]) =>
  platformImage(shelf, platform, word, references);

interface Entry {
  image: Image;
  platform: IndexedImage['platform'];
}

async function indexOf(tag: string, entries: Entry[], bytes?: Buffer): Promise<void> {
  const made = makeImageIndex(
    entries.map(({ image: { descriptor }, platform }) => ({
      mediaType: manifestType,
      digest: descriptor.digest,
      size: descriptor.size,
      platform,
    })),
  );
  await signIndex(shelf, tag, bytes ?? made.bytes);
}

/** Two images for a tag, signed unless told. */
async function pair(tag: string, recipes: (string | undefined)[] = ['app', 'app']): Promise<[Entry, Entry]> {
  const references = [shelf.reference(tag)];
  const one = await imageFor(amd64, `${tag} amd64`, references);
  const other = await imageFor(small, `${tag} 386`, references);
  await signAll(shelf, one, recipes[0]);
  await signAll(shelf, other, recipes[1]);
  return [
    { image: one, platform: amd64 },
    { image: other, platform: small },
  ];
}

const code = (tag: string) =>
  shelf.verify(shelf.reference(tag)).then(
    ({ images }) => images!.length,
    (error: { code: string }) => error.code,
  );

test('two images of one recipe are taken, by verify and by clients', async () => {
  const entries = await pair('good');
  await indexOf('good', entries);
  expect(await code('good')).toBe(2);
  expect(await shelf.accepted.cosign(shelf.reference('good'))).toBe(true);
  expect(await shelf.accepted.cosign(shelf.reference('good'), 'other')).toBe(false);
  expect(await shelf.accepted.skopeo(shelf.reference('good'))).toBe(true);
  expect(await shelf.accepted.skopeo(shelf.reference('good'), 'other')).toBe(false);
});

test('an image that is not signed, or not booted', async () => {
  const [one, other] = await pair('unsigned');
  const stranger = await imageFor(small, 'never signed', []);
  await indexOf('unsigned', [one, { image: stranger, platform: small }]);
  expect(await code('unsigned')).toBe('SIGNATURE_MISSING');
  await signAll(shelf, other.image, 'app', 'unbooted');
  await indexOf('unsigned', [one, other]);
  expect(await code('unsigned')).toBe('VERDICT_MISSING');
});

test('an image of another tag, or of another recipe', async () => {
  const [one] = await pair('mixed');
  const [, elsewhere] = await pair('elsewhere');
  await indexOf('mixed', [one, elsewhere]);
  expect(await code('mixed')).toBe('SIGNED_ELSEWHERE');
  await indexOf('recipes', await pair('recipes', ['app', 'wig']));
  expect(await code('recipes')).toBe('INDEX_INVALID');
  await indexOf('nameless', await pair('nameless', ['app', undefined]));
  expect(await code('nameless')).toBe('INDEX_INVALID');
});

test('an image for another platform than the index says', async () => {
  const [one, other] = await pair('platform');
  await indexOf('platform', [one, { ...other, platform: { architecture: 'arm64', os: 'linux' } }]);
  expect(await code('platform')).toBe('INDEX_INVALID');
  const longer = { ...other.image, descriptor: { ...other.image.descriptor, size: 1 } };
  await indexOf('platform', [one, { ...other, image: longer }]);
  expect(await code('platform')).toBe('INDEX_INVALID');
});

test('an index that is signed, but has another form', async () => {
  const [one] = await pair('form');
  const { digest, size } = one.image.descriptor;
  const manifests = [{ mediaType: manifestType, digest, size }];
  await indexOf('form', [one], toJson({ schemaVersion: 2, mediaType: indexType, manifests }));
  expect(await code('form')).toBe('INDEX_INVALID');
});

test('an index that is not signed, or with another key', async () => {
  const [one, other] = await pair('bare');
  await indexOf('bare', [one, other]);
  const bytes = makeImageIndex(
    [one].map(({ image, platform }) => ({
      mediaType: manifestType,
      digest: image.descriptor.digest,
      size: image.descriptor.size,
      platform,
    })),
  ).bytes;
  await shelf.client.putManifest(shelf.repository, 'bare', bytes, indexType);
  expect(await code('bare')).toBe('SIGNATURE_MISSING');
  await indexOf('bare', [one, other]);
  const judged = shelf.verify(shelf.reference('bare'), undefined, 'other');
  await expect(judged).rejects.toMatchObject({ code: 'SIGNATURE_WRONG_KEY' });
});

test('an image that its registry has lost', async () => {
  const [one, other] = await pair('lost');
  await indexOf('lost', [one, other]);
  const gone: Digest = other.image.descriptor.digest;
  const removed = await fetch(`${shelf.server.url}/v2/${shelf.repository}/manifests/${gone}`, {
    method: 'DELETE',
  });
  expect(removed.status).toBe(202);
  expect(await code('lost')).toBe('IMAGE_UNPUBLISHED');
});
