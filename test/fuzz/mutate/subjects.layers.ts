/** Layers as other builders make them: their tar streams alone, and unpacked onto a tree. */
import { createReadStream } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { native } from '../../../src/lib/host/native.ts';
import { unpackLayer } from '../../../src/stages/layer/apply/unpack.ts';
import { mediaTypes } from '../../../src/stages/layer/compress/compress.ts';
import { readTar } from '../../../src/stages/layer/tar/reader.ts';
import { pick, type Random } from '../../helpers/random.ts';
import { damage } from './bytes.ts';
import type { Originals } from './original-files.ts';
import type { Subject } from './subject.ts';
import { mutateTar } from './tar.ts';

const refusals = ['LAYER_INVALID'] as const;

const aTar = (originals: Originals, random: Random) =>
  originals.bytes(pick(random, ['gnu.tar', 'pax.tar', 'ustar.tar']));

export const layerSubjects: Record<string, Subject> = {
  tar: {
    refusals,
    share: 3,
    mutate: (originals, random) => ({ ending: '.tar', bytes: mutateTar(aTar(originals, random), random) }),
    read: (path) =>
      readTar(createReadStream(path, { highWaterMark: 700 }), async (_entry, content) => {
        for await (const _ of content);
      }),
  },
  layer: {
    refusals,
    isNative: true,
    share: 2,
    mutate: (originals, random) => {
      const sound = aTar(originals, random);
      const [ending, compress] = pick(random, [
        ['.gz', gzipSync] as const,
        ['.zst', zstdCompressSync] as const,
      ]);
      if (random(5) === 0) return { ending, bytes: damage(compress(sound), random) };
      return { ending, bytes: compress(mutateTar(sound, random)) };
    },
    read: unpackSafely,
  },
};

/** Onto a tree with something in it, beside a directory to which a link of the layer leads. */
async function unpackSafely(path: string): Promise<void> {
  const place = dirname(path);
  const [root, outside] = [join(place, 'root'), join(place, 'outside')];
  await mkdir(join(root, 'd', 'kept'), { recursive: true });
  await mkdir(outside);
  await writeFile(join(outside, 'kept'), 'kept');
  const before = await readdir(place);
  try {
    const isGzip = path.endsWith('.gz');
    // A base's layers are held to more rules than our own.
    const rules = isGzip ? { maxBytes: 1 << 20 } : {};
    await unpackLayer(root, createReadStream(path), isGzip ? mediaTypes.gzip : mediaTypes.zstd, rules);
    await native().scan(root);
  } finally {
    const after = [...(await readdir(outside)), ...(await readdir(place))];
    if (after.join() !== ['kept', ...before].join()) {
      // oxlint-disable-next-line no-unsafe-finally -- whatever else happened, this is worse
      throw new Error(`the layer wrote outside of its tree: ${after.join()}`);
    }
  }
}
