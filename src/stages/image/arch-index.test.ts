import { expect, test } from 'vitest';
import { readImageIndex, zstdAnnotation } from '../../lib/oci/image-index.ts';
import { archIndex, hasZstdLayer } from './arch-index.ts';

const image = { manifestDigest: `sha256:${'a'.repeat(64)}` as const, manifestSize: 500 };
const other = { manifestDigest: `sha256:${'b'.repeat(64)}` as const, manifestSize: 500 };
const zstd = { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' };
const gzip = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' };

test('an image with a layer of zstd is annotated, and another one is not', () => {
  const { bytes } = archIndex([
    { ...image, arch: 'x86_64', hasZstd: hasZstdLayer([gzip, zstd]) },
    { ...other, arch: 'i686', hasZstd: hasZstdLayer([gzip]) },
  ]);
  const annotated = readImageIndex('the index', bytes).map(({ digest, annotations }) => [
    digest,
    annotations,
  ]);
  expect(Object.fromEntries(annotated)).toEqual({
    [image.manifestDigest]: { [zstdAnnotation]: 'true' },
    [other.manifestDigest]: undefined,
  });
});
