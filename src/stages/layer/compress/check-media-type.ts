/**
 * Checks that a layer begins as its media type says: a stream of the other compression is whole in itself, and no client
 * can read it. It shares nothing with the writer.
 */
import { open } from 'node:fs/promises';
import { MillinerError } from '../../../lib/errors/error.ts';

/** RFC 8878, 3.1.1, and RFC 1952, 2.3.1. */
const magics: Record<string, string> = {
  'application/vnd.oci.image.layer.v1.tar+zstd': '28b52ffd',
  'application/vnd.oci.image.layer.v1.tar+gzip': '1f8b08',
};
const maxMagic = 4;

/** Throws LAYERS_DIFFER. */
export async function checkMediaType(path: string, mediaType: string): Promise<void> {
  await using handle = await open(path, 'r');
  const { buffer } = await handle.read(Buffer.alloc(maxMagic), 0, maxMagic, 0);
  const magic = magics[mediaType];
  if (magic !== undefined && buffer.toString('hex').startsWith(magic)) return;
  throw new MillinerError('LAYERS_DIFFER', `a layer was written that is no ${mediaType}`);
}
