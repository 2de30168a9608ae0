/** Records of the images in the state directory: one file for each, found by name or digest. */
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { hexOf, type Digest } from '../../lib/oci/digest.ts';
import type { ContentStore } from '../../stages/content/store.ts';
import type { ImageLayer, RuntimeConfig } from '../../stages/image/image.ts';
import type { Difference } from '../../stages/install/rpm-verify.ts';
import type { Normalised } from '../../stages/layer/normalize/normalize.ts';
import type { Origin } from '../../stages/layer/normalize/origin.ts';
import type { RemovedKey } from '../../stages/layer/normalize/private-keys.ts';
import type { Ids } from '../../stages/lock/id-ledger.ts';
import type { TestPlan } from '../../stages/recipe/schema.ts';
import type { Snapshotter } from '../../stages/snapshot/snapshotter.ts';
import { JsonStore } from './json-store.ts';

export interface StateEntry {
  path: string;
  change: 'added' | 'changed' | 'removed';
  /**
   * `ghost`: owned by the package as a ghost; `scriptlet`: created or last changed by one; `recipe`: its directories,
   * links, files and services; `normalised`: with the reason; `rpm`: its database.
   */
  why: Origin['why'] | 'normalised' | 'rpm';
  package?: string;
  scriptlet?: string;
  /** The package that was being installed, if the origin is unknown. */
  during?: string;
  reason?: string;
}

/** Version of the fields below. A record of another version is ignored, and its image is built again. */
export const recordVersion = 3;

export interface ImageRecord {
  version: number;
  name: string;
  arch: string;
  /** Digest of all inputs of the image. The same key means the same image. */
  buildKey: Digest;
  /** The key with the ids of this image in the ledger: the next build computes this one. */
  settledKey?: Digest;
  /** Ids of the users and groups that the base does not have; absent in records of older builds. */
  ids?: Ids;
  lockDigest: string;
  manifestDigest: Digest;
  configDigest: Digest;
  manifestSize: number;
  /** Lowest first, including those of the base. */
  layers: ImageLayer[];
  config: RuntimeConfig;
  /** Seconds since 1970: creation time in the image's configuration. */
  epoch: number;
  test: TestPlan & { init: boolean };
  /** NEVRAs of the whole image. */
  packages: string[];
  /** SHA-256 of each package file, by NEVRA. */
  checksums: Record<string, string>;
  /** Absolute path in the image. */
  dbPath: string;
  /** Committed snapshot of the installed tree. */
  snapshot: string;
  /** Blob with one line of JSON for each path of the tree. */
  tree: Digest;
  /** Manifest digest of the base. */
  base?: Digest;
  report: BuildReport;
}

/** What the build did besides unpacking packages: the evidence that the result is what rpm makes. */
export interface BuildReport {
  normalised: Normalised[];
  removedKeys: RemovedKey[];
  /** Paths that neither the base nor the packages explain. */
  state: StateEntry[];
  /** rpm -Va after the build, each line with its explanation. */
  verification: (Difference & { reason: string })[];
  warnings: string[];
  /** Output of rpm and the scriptlets. */
  log: string[];
}

const recordsIn = (state: string, folder: 'images' | 'former') =>
  new JsonStore<ImageRecord>(join(state, folder), {
    what: 'the record of an image',
    schema: z.custom<ImageRecord>(),
    version: recordVersion,
  });

/** A replaced image can still be found by its digest while its tree is in the store. */
const formerName = ({ name, manifestDigest }: ImageRecord) => `${name}-${hexOf(manifestDigest)}`;

export async function writeRecord(state: string, record: ImageRecord): Promise<ImageRecord> {
  const replaced = await readRecord(state, record.name);
  if (replaced && replaced.manifestDigest !== record.manifestDigest) {
    await recordsIn(state, 'former').write(formerName(replaced), replaced);
  }
  await recordsIn(state, 'images').write(record.name, record);
  return record;
}

export async function readRecord(state: string, name: string): Promise<ImageRecord | undefined> {
  return recordsIn(state, 'images').read(name);
}

export async function listRecords(state: string): Promise<ImageRecord[]> {
  return recordsIn(state, 'images').list();
}

/** Records of replaced images. */
export async function listFormer(state: string): Promise<ImageRecord[]> {
  return recordsIn(state, 'former').list();
}

export async function forgetFormer(state: string, record: ImageRecord): Promise<void> {
  await recordsIn(state, 'former').remove(formerName(record));
}

export async function removeRecord(state: string, name: string): Promise<void> {
  await recordsIn(state, 'images').remove(name);
}

/** As findRecord, and also finds replaced images by digest. */
export async function findAnyRecord(state: string, image: string): Promise<ImageRecord> {
  const hex = image.replace(/^sha256:/, '');
  const former = /^[0-9a-f]{8,64}$/.test(hex) ? await listFormer(state) : [];
  const found = former.find(({ manifestDigest }) => manifestDigest.startsWith(`sha256:${hex}`));
  return found ?? findRecord(state, image);
}

/** Finds a record by name, by manifest digest, or by the beginning of a digest. Throws IMAGE_NOT_FOUND. */
export async function findRecord(state: string, image: string): Promise<ImageRecord> {
  const records = await listRecords(state);
  const hex = image.replace(/^sha256:/, '');
  const byDigest = /^[0-9a-f]{8,64}$/.test(hex);
  const isMeant = (record: ImageRecord) =>
    record.name === image || (byDigest && record.manifestDigest.startsWith(`sha256:${hex}`));
  const found = records.find(isMeant);
  if (found) return found;
  const known = records.map(({ name }) => name).join(', ') || 'none';
  throw new MillinerError('IMAGE_NOT_FOUND', `no image ${image} in ${state}; there are: ${known}`);
}

/** The part of a run's context that is needed here. */
interface ImageStores {
  content: ContentStore;
  snapshots: Snapshotter;
}

/** Whether all blobs and the snapshot of a record are here. */
export async function isComplete({ content, snapshots }: ImageStores, record: ImageRecord): Promise<boolean> {
  const digests = [
    record.manifestDigest,
    record.configDigest,
    record.tree,
    ...record.layers.map((l) => l.digest),
  ];
  const there = await Promise.all(digests.map((digest) => content.has(digest as Digest)));
  return there.every(Boolean) && snapshots.stat(record.snapshot) !== undefined;
}
