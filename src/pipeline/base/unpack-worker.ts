/** The confined process that unpacks one layer or tar of others. It can write to the tree alone. */
import { createReadStream } from 'node:fs';
import { serveTasks } from '../../lib/host/serve.ts';
import { unpackLayer, unpackTar, type UnpackOptions } from '../../stages/layer/apply/unpack.ts';

export interface UnpackTask extends UnpackOptions {
  /** Mount point of the tree. */
  root: string;
  /** Path of the blob or tar. */
  path: string;
  /** Media type of a layer; the compression of a tar shows in its file name. */
  mediaType?: string;
}

await serveTasks(async ({ root, path, mediaType, ...options }: UnpackTask) => {
  if (mediaType !== undefined) await unpackLayer(root, createReadStream(path), mediaType, options);
  else {
    const { decompressed } = await import('../../stages/repo/decompress.ts');
    await unpackTar(root, decompressed(path, options.maxBytes ?? Infinity), options);
  }
  return {};
});
