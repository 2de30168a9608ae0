/** Records of the images in the state directory: one file for each name and architecture, found by name or digest. */
import { join } from 'node:path';
import { z } from 'zod';
import { arches as knownArches } from '../../lib/host/arch.ts';
import { hexOf, type Digest } from '../../lib/oci/digest.ts';
import type { ContentStore } from '../../stages/content/store.ts';
import type { ImageLayer, RuntimeConfig } from '../../stages/image/image.ts';
import type { Difference } from '../../stages/layer/verify/verify-tree.ts';
import type { Normalised } from '../../stages/layer/normalize/normalize.ts';
import type { Origin } from '../../stages/layer/normalize/origin.ts';
import type { RemovedKey } from '../../stages/layer/normalize/private-keys.ts';
import type { Ids } from '../../stages/lock/id-ledger.ts';
import type { TestPlan } from '../../stages/recipe/schema.ts';
import type { Snapshotter } from '../../stages/snapshot/snapshotter.ts';
import { addGeneration, forgetGenerations, type Reason } from './generations.ts';
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
export const recordVersion = 4;

/** How an image came here that no build of this state has made. */
export type CameBy =
  | {
      kind: 'pulled';
      /** Absent for one that was loaded from a file. */
      reference?: string;
      /** Ids of the keys whose signatures were verified; empty if none was asked for. */
      signedBy: string[];
    }
  | {
      kind: 'handmade';
      /** Who asked for the commit, as USER@HOST. */
      by: string;
      /** ISO 8601. */
      at: string;
      /** The image whose instance was changed. */
      from: Digest;
      message?: string;
    };

export interface ImageRecord {
  version: number;
  /** As localName gives it. */
  name: string;
  /** The name in its configuration, where that is another. */
  title?: string;
  /** Absent for what a build has made, here or on another worker. */
  cameBy?: CameBy;
  arch: string;
  /** The architectures of its lock: a tag that names all of them has an image for each. */
  arches: string[];
  /** Digest of all inputs of the image. The same key means the same image. */
  buildKey: Digest;
  /** The key with the ids of this image in the ledger: the next build computes this one. */
  settledKey?: Digest;
  /** Ids of the users and groups that the base does not have; absent in records of older builds. */
  ids?: Ids;
  lockDigest: string;
  /** Digest of what the recipe and its bases say besides packages; absent in records of older builds. */
  content?: Digest;
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
  /** Absolute path in the image; absent if another builder's image has no rpm database. */
  dbPath?: string;
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
  /** Differences from the headers as rpm -Va shows them, each with its explanation. */
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

/** No name of an image has an @. */
const recordName = ({ name, arch }: Pick<ImageRecord, 'name' | 'arch'>) => `${name}@${arch}`;

export const titleOf = ({ name, title }: Pick<ImageRecord, 'name' | 'title'>): string => title ?? name;

/** A replaced image can still be found by its digest while its tree is in the store. */
const formerName = ({ name, manifestDigest }: ImageRecord) => `${name}-${hexOf(manifestDigest)}`;

/**
 * Gives a name this image, as its next generation. Called under the lock of the name.
 * @param reason what made it, if that is no build
 */
export async function writeRecord(state: string, record: ImageRecord, reason?: Reason): Promise<ImageRecord> {
  const replaced = await readRecord(state, record);
  await addGeneration(state, record, replaced, reason);
  if (replaced && replaced.manifestDigest !== record.manifestDigest) {
    await recordsIn(state, 'former').write(formerName(replaced), replaced);
  }
  await recordsIn(state, 'images').write(recordName(record), record);
  await dropOtherArches(state, record);
  return record;
}

/** An image for an architecture that the lock no longer has would be found by the name, and never be built anew. */
async function dropOtherArches(state: string, { name, arches }: ImageRecord): Promise<void> {
  for (const arch of knownArches.filter((one) => !arches.includes(one))) {
    const other = await readRecord(state, { name, arch });
    if (!other) continue;
    await recordsIn(state, 'former').write(formerName(other), other);
    await recordsIn(state, 'images').remove(recordName(other));
  }
}

export async function readRecord(
  state: string,
  of: Pick<ImageRecord, 'name' | 'arch'>,
): Promise<ImageRecord | undefined> {
  return recordsIn(state, 'images').read(recordName(of));
}

export async function listRecords(state: string): Promise<ImageRecord[]> {
  return recordsIn(state, 'images').list();
}

/** As listRecords and listFormer together, one at a time. */
export async function* eachRecord(state: string): AsyncGenerator<{ record: ImageRecord; isFormer: boolean }> {
  for await (const record of recordsIn(state, 'images').each()) yield { record, isFormer: false };
  for await (const record of recordsIn(state, 'former').each()) yield { record, isFormer: true };
}

/** Records of replaced images. */
export async function listFormer(state: string): Promise<ImageRecord[]> {
  return recordsIn(state, 'former').list();
}

export async function forgetFormer(state: string, record: ImageRecord): Promise<void> {
  await recordsIn(state, 'former').remove(formerName(record));
}

export async function removeRecord(state: string, of: Pick<ImageRecord, 'name' | 'arch'>): Promise<void> {
  await forgetGenerations(state, of);
  await recordsIn(state, 'images').remove(recordName(of));
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
