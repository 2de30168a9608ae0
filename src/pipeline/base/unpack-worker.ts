/** The confined process that unpacks one layer, or one tar, of others: it can write nothing but the tree that it fills. */
import { createReadStream } from 'node:fs';
import { serveTasks } from '../../lib/host/serve.ts';
import { unpackLayer, unpackTar, type UnpackOptions } from '../../stages/layer/apply/unpack.ts';

export interface UnpackTask extends UnpackOptions {
  /** Where the tree is mounted. */
  root: string;
  /** The blob, or the tar. */
  path: string;
  /** Of a layer; how a tar is compressed is told by the ending of its name. */
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
