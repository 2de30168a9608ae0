/** `milliner verify`: what it proved, and one exit code for each reason why not. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { manifestType } from '../../../src/lib/oci/descriptor.ts';
import { describe, toJson, type Fetched } from '../../../src/stages/sign/artifact.ts';
import { bundleType } from '../../../src/stages/sign/sigstore-bundle.ts';
import { Desk } from '../../helpers/milliner.ts';
import { Shelf, type Hung, type Image } from '../../helpers/signed-images.ts';

let desk: Desk;
let shelf: Shelf;
let image: Image;
let hung: Hung;
beforeAll(async () => {
  desk = await Desk.open();
  shelf = await Shelf.open();
  image = await shelf.image('app', ['1.0']);
  hung = shelf.sign(image);
});
beforeEach(() => shelf.hang(image, hung));
afterAll(async () => {
  await shelf.close();
  await desk.remove();
});

const words = (key = 'release.pub') => ['verify', shelf.reference('1.0'), '--key', shelf.path(key)];
const codeOf = async (args: string[]) => {
  const { code, exit } = await desk.fails(args);
  return [code, exit];
};

test('what is proved is said, for people and for programs', async () => {
  const answer = await desk.json<{ reference: string; manifestDigest: string; proved: object[] }>(words());
  expect(answer.reference).toBe(shelf.reference('1.0'));
  expect(answer.manifestDigest).toBe(image.descriptor.digest);
  expect(answer.proved).toHaveLength(6);
  const { code, stdout } = await desk.run([...words(), '--only', 'sig']);
  expect(code).toBe(0);
  expect(stdout).toContain(image.descriptor.digest);
  expect(stdout.trim().split('\n')).toHaveLength(4);
});

test('one exit code for each reason', async () => {
  expect(await codeOf(words('other.pub'))).toEqual(['SIGNATURE_WRONG_KEY', 14]);
  await shelf.hang(image, { ...hung, bundles: [] });
  expect(await codeOf(words())).toEqual(['SIGNATURE_MISSING', 13]);
  await shelf.hang(image, { ...hung, bundles: hung.bundles.slice(0, 3) });
  expect(await codeOf(words())).toEqual(['VERDICT_MISSING', 16]);
  const elsewhere = shelf.sign({ ...image, references: [shelf.reference('2.0')] });
  await shelf.hang(image, { ...hung, sig: elsewhere.sig });
  expect(await codeOf(words())).toEqual(['SIGNED_ELSEWHERE', 19]);
  await shelf.hang(image, { ...hung, sig: shelf.sign(await shelf.image('other', ['3.0'])).sig });
  expect(await codeOf(words())).toEqual(['IMAGE_ALTERED', 15]);
});

test('what others hang beside it may be damaged, or other than it says', async () => {
  const bytes = Buffer.alloc(1 << 20);
  const junk = describe(bundleType, bytes);
  const referrer = (layer: object) => ({
    manifest: toJson({
      schemaVersion: 2,
      mediaType: manifestType,
      artifactType: bundleType,
      config: junk,
      layers: [layer],
    }),
    blobs: new Map([[junk.digest, bytes]]),
  });
  // Before ours, so that they are looked at.
  const bundles = [
    referrer({ ...junk, size: 10 }),
    referrer({ ...junk, annotations: null }),
    ...hung.bundles,
  ];
  const beside = (fetched: Fetched): Fetched => {
    const manifest = JSON.parse(fetched.manifest.toString()) as { layers: object[] };
    const layers = [{ ...junk, size: 10 }, { ...junk, annotations: null }, ...manifest.layers];
    return {
      manifest: toJson({ ...manifest, layers }),
      blobs: new Map([...fetched.blobs, [junk.digest, bytes]]),
    };
  };
  await shelf.hang(image, { sig: beside(hung.sig), att: beside(hung.att), bundles });
  expect(await desk.json(words())).toMatchObject({ manifestDigest: image.descriptor.digest });
});

test('what cannot be looked at is said apart from what is not signed', async () => {
  const [verify, reference, ...rest] = words();
  expect(await codeOf([verify!, `${reference}0`, ...rest])).toEqual(['IMAGE_UNPUBLISHED', 3]);
  expect(await codeOf([verify!, 'app', ...rest])).toEqual(['REFERENCE_INVALID', 3]);
  expect(await codeOf([verify!, reference!, '--key', shelf.path('roots.json')])).toEqual([
    'KEY_FILE_INVALID',
    3,
  ]);
  expect(await codeOf([verify!, reference!, '--key', shelf.path('release.key')])).toEqual([
    'KEY_FILE_INVALID',
    3,
  ]);
});
