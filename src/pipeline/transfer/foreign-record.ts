/** The record of an image that no build of this state has made, once it is unpacked here. */
import type { Digest } from '../../lib/oci/digest.ts';
import type { ImageLayer, RuntimeConfig } from '../../stages/image/image.ts';
import type { Context } from '../state/context.ts';
import { testIn } from '../state/foreign-test.ts';
import { recordVersion, writeRecord, type CameBy, type ImageRecord } from '../state/image-records.ts';
import { localName } from '../state/local-name.ts';
import { withStateLock } from '../state/state-lock.ts';
import { readManifest } from '../state/stored-image.ts';

export interface ForeignImage {
  name: string;
  arch: string;
  manifestDigest: Digest;
  configDigest: Digest;
  layers: ImageLayer[];
  config: RuntimeConfig;
  epoch: number;
  packages: string[];
  dbPath?: string;
  snapshot: string;
  tree: Digest;
}

const report = { normalised: [], removedKeys: [], state: [], verification: [], warnings: [], log: [] };

/** Its manifest and blobs must be in the store. A name that another image has moves to this one. */
export async function recordForeign(
  context: Context,
  image: ForeignImage,
  cameBy: Extract<CameBy, { kind: 'pulled' }>,
): Promise<ImageRecord> {
  const name = localName(image.name);
  const { manifest } = await readManifest(context.content, image.manifestDigest);
  const { annotations } = JSON.parse(manifest.toString('utf8')) as { annotations?: Record<string, string> };
  const record: ImageRecord = {
    version: recordVersion,
    ...image,
    name,
    cameBy,
    arches: [image.arch],
    // No build has made it, so no build finds it by its inputs.
    buildKey: image.manifestDigest,
    lockDigest: '',
    manifestSize: manifest.length,
    test: testIn(annotations, image.config),
    checksums: {},
    report,
  };
  const reason = cameBy.reference === undefined ? 'loaded' : 'pulled';
  return withStateLock(context, `build-${name}`, () => writeRecord(context.state, record, reason));
}
