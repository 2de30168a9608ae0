import { describe, expect, test } from 'vitest';
import { indexType, manifestType } from './descriptor.ts';
import { sha256Of, type Digest } from './digest.ts';
import { makeImageIndex, readImageIndex, zstdAnnotation, type IndexedImage } from './image-index.ts';

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const image = (letter: string, architecture: string, variant?: string): IndexedImage => ({
  mediaType: manifestType,
  digest: digest(letter),
  size: 500,
  platform: { architecture, os: 'linux', ...(variant !== undefined && { variant }) },
});
const amd64 = image('a', 'amd64');
const second = image('b', 'amd64', 'v2');
const small = image('c', '386');
const arm64 = image('d', 'arm64');

const whole = { schemaVersion: 2, mediaType: indexType, manifests: [small, amd64] };
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const refused = expect.objectContaining({ code: 'INDEX_INVALID' }) as Error;

test('the same images give the same bytes, in whatever order', () => {
  const images = [small, amd64, second, arm64];
  const index = makeImageIndex(images);
  expect(index).toMatchObject({ mediaType: indexType, digest: sha256Of(index.bytes) });
  for (const order of [images.toReversed(), [second, small, arm64, amd64]])
    expect(makeImageIndex(order).bytes).toEqual(index.bytes);
  expect(readImageIndex('the index', index.bytes)).toEqual(images);
});

test('an index that Milliner writes has these bytes', () => {
  expect(makeImageIndex([amd64, small]).bytes.toString()).toBe(JSON.stringify(whole));
  // The order of fields is that of Go's types, so that clients in Go write the same bytes again.
  const { mediaType, digest: of, size, platform } = second;
  const annotations = { [zstdAnnotation]: 'true' as const };
  const written = { mediaType, digest: of, size, annotations, platform };
  expect(makeImageIndex([{ platform, annotations, size, digest: of, mediaType }]).bytes.toString()).toBe(
    JSON.stringify({ ...whole, manifests: [written] }),
  );
});

describe('an index is refused', () => {
  const other = (change: object) => ({ ...whole, manifests: [{ ...small, ...change }, amd64] });
  test.each<[string, unknown]>([
    ['without images', { ...whole, manifests: [] }],
    ['with too many', { ...whole, manifests: Array.from({ length: 33 }, () => amd64) }],
    ['of another version', { ...whole, schemaVersion: 1 }],
    [
      'that is a list of Docker',
      { ...whole, mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json' },
    ],
    ['without a media type', { ...whole, mediaType: undefined }],
    ['with a field more', { ...whole, subject: amd64 }],
    ['with one platform twice', { ...whole, manifests: [amd64, { ...amd64, digest: digest('e') }] }],
    ['with one image twice', { ...whole, manifests: [amd64, { ...amd64, platform: small.platform }] }],
    ['with an index in it', other({ mediaType: indexType })],
    ['with a short digest', other({ digest: 'sha256:ab' })],
    ['with an empty manifest', other({ size: 0 })],
    ['with a huge manifest', other({ size: 4 * 1024 * 1024 + 1 })],
    ['without a platform', other({ platform: undefined })],
    ['of another system', other({ platform: { architecture: '386', os: 'windows' } })],
    ['with a null variant', other({ platform: { architecture: '386', os: 'linux', variant: null } })],
    ['with a control character', other({ platform: { architecture: '3\n86', os: 'linux' } })],
    ['with another annotation', other({ annotations: { [zstdAnnotation]: 'true', hat: 'felt' } })],
    ['with another place to fetch from', other({ urls: ['https://evil.example.com'] })],
  ])('%s', (_name, value) => {
    expect(() => readImageIndex('the index', bytesOf(value))).toThrow(refused);
  });

  test('that is no JSON, or has more bytes than any', () => {
    expect(() => readImageIndex('the index', Buffer.from('{'))).toThrow(refused);
    const padded = Buffer.concat([bytesOf(whole), Buffer.alloc(65_536, ' ')]);
    expect(() => readImageIndex('the index', padded)).toThrow(refused);
  });

  test.each<[string, string, string]>([
    [
      'a platform twice',
      '"platform":',
      '"platform":{"architecture":"386","os":"linux","variant":"v2"},"platform":',
    ],
    ['the images twice', '"manifests":', '"manifests":[],"manifests":'],
    ['a digest twice', '"digest":', `"digest":"${digest('e')}","digest":`],
    ['white space', '"manifests":', '"manifests": '],
    ['an escaped letter', '"linux"', String.raw`"\u006cinux"`],
  ])('with the right meaning, but %s', (_name, there, written) => {
    const text = JSON.stringify(whole).replace(there, written);
    expect(JSON.parse(text)).toEqual(whole);
    expect(() => readImageIndex('the index', Buffer.from(text))).toThrow(refused);
  });

  test('before it is written', () => {
    expect(() => makeImageIndex([amd64, { ...second, platform: amd64.platform }])).toThrow(refused);
    expect(() => makeImageIndex([])).toThrow(refused);
  });
});
