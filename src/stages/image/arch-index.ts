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
}

/** Throws INDEX_INVALID if two images are of one platform. */
export function archIndex(images: readonly ArchImage[]): ImageIndex {
  return makeImageIndex(
    images.map(({ arch, manifestDigest, manifestSize }) => ({
      mediaType: manifestType,
      digest: manifestDigest,
      size: manifestSize,
      // Milliner compresses all layers of its own with zstd.
      annotations: { [zstdAnnotation]: 'true' as const },
      platform: { ...platformOf(arch), os: 'linux' },
    })),
  );
}
