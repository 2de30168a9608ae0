/** The index of one recipe's images, from what records and claims have of them. */
import { manifestType } from '../../lib/oci/descriptor.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { makeImageIndex, zstdAnnotation, type ImageIndex } from '../../lib/oci/image-index.ts';
import { platformOf } from './platform.ts';

export interface ArchImage {
  /** rpm's name. */
  arch: string;
  manifestDigest: Digest;
  manifestSize: number;
  /** Whether one of its layers is compressed with zstd. */
  hasZstd: boolean;
}

const zstdType = 'application/vnd.oci.image.layer.v1.tar+zstd';

/** As the index must say of an image: its base can have layers of another compression than its own. */
export function hasZstdLayer(layers: readonly { mediaType: string }[]): boolean {
  return layers.some(({ mediaType }) => mediaType === zstdType);
}

/** Throws INDEX_INVALID if two images are of one platform. */
export function archIndex(images: readonly ArchImage[]): ImageIndex {
  return makeImageIndex(
    images.map(({ arch, manifestDigest, manifestSize, hasZstd }) => ({
      mediaType: manifestType,
      digest: manifestDigest,
      size: manifestSize,
      ...(hasZstd && { annotations: { [zstdAnnotation]: 'true' as const } }),
      platform: { ...platformOf(arch), os: 'linux' },
    })),
  );
}
