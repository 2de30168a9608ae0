/** Reads an OCI layout as any client would. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

interface Descriptor {
  digest: string;
  mediaType: string;
  annotations?: Record<string, string>;
}

export async function indexOf(layout: string): Promise<Descriptor[]> {
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: Descriptor[] };
  return index.manifests;
}

/** The tar of the topmost layer of the image with this tag, or of the only one. */
export async function layerOf(layout: string, tag?: string): Promise<Buffer> {
  const images = await indexOf(layout);
  const image = images.find(
    ({ annotations }) => tag === undefined || annotations?.['org.opencontainers.image.ref.name'] === tag,
  );
  const blob = (digest: string) => readFile(join(layout, 'blobs', digest.replace(':', '/')));
  const manifest = JSON.parse((await blob(image!.digest)).toString('utf8')) as { layers: Descriptor[] };
  const { digest, mediaType } = manifest.layers.at(-1)!;
  const bytes = await blob(digest);
  return mediaType.endsWith('zstd') ? zstdDecompressSync(bytes) : gunzipSync(bytes);
}
