/** Reads an OCI layout as any client would. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Descriptor {
  digest: string;
  mediaType: string;
  annotations?: Record<string, string>;
}

export async function indexOf(layout: string): Promise<Descriptor[]> {
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: Descriptor[] };
  return index.manifests;
}

/** The tars of an image's layers, those of its bases left out where it is told how many; of the only image without a tag. */
export async function layersOf(layout: string, tag?: string, bases = 0): Promise<Buffer[]> {
  const images = await indexOf(layout);
  const image = images.find(
    ({ annotations }) => tag === undefined || annotations?.['org.opencontainers.image.ref.name'] === tag,
  );
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
  const manifest = JSON.parse(await readFile(blob(image!.digest), 'utf8')) as { layers: Descriptor[] };
  return manifest.layers.slice(bases).map(({ digest, mediaType }) => {
    const program = mediaType.endsWith('zstd') ? 'zstd' : 'gzip';
    return execFileSync(program, ['-dc'], { input: readFileSync(blob(digest)), maxBuffer: 1 << 28 });
  });
}

/** What GNU tar says of all those layers, in its own words. */
export function listTars(tars: Buffer[], ...args: string[]): string {
  const options = ['--list', '--quoting-style=literal', '--file=-', ...args];
  return tars.map((input) => execFileSync('tar', options, { input }).toString()).join('');
}
