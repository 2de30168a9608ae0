/** Records of bases that no recipe builds: one file for each, beside the content store. */
import { stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { canonicalDigest, hexOf, type Digest } from '../../lib/oci/digest.ts';
import type { BaseSource } from '../../stages/recipe/base-source.ts';
import type { Context } from './context.ts';
import type { ImageRecord } from './image-records.ts';
import { JsonStore } from './json-store.ts';

/**
 * An image or base that a recipe can be built on. A file system has no manifest; it has the digest of its layer
 * instead.
 */
export interface Parent extends Pick<
  ImageRecord,
  'name' | 'manifestDigest' | 'layers' | 'config' | 'snapshot' | 'tree'
> {
  /** Absolute path in the image; absent if it has no rpm database. */
  dbPath?: string;
}

/** A file system has the name of its file. The directory is left out, because it differs between machines. */
export function nameOf(source: BaseSource): string {
  return source.kind === 'image' ? source.reference : basename(source.path);
}

/** Whether a registry can have it by its name and digest. */
export function isImage(parent: Parent & { kind?: BaseSource['kind'] }): boolean {
  return parent.kind === undefined || parent.kind === 'image';
}

export interface BaseRecord extends Parent {
  version: number;
  kind: BaseSource['kind'];
  arch: string;
  /** Digest that a lock pins: of the manifest, the tar, or the tree as a layer. */
  digest: Digest;
  /** Absent for a file system, and in records of older versions. */
  configDigest?: Digest;
  /** Digest of the index that the image was found in. */
  index?: Digest;
  /** Ids of the keys with a verified signature: sigstore's hints, or OpenPGP fingerprints. */
  signedBy: string[];
  /** Ids of the keys whose signatures have no reference. */
  signedUnnamedBy: string[];
  /** NEVRAs of the packages in its rpm database. */
  packages: string[];
  /** Seconds since 1970: the build time of its newest package, or its creation time if that is later. */
  epoch: number;
}

/** Version of the fields above. A record of another version is ignored. */
export const baseVersion = 2;

/** Beside the content store, not the snapshots: `build --check` uses an empty state, and need not pull again. */
const basesIn = ({ content }: Pick<Context, 'content'>) =>
  new JsonStore<BaseRecord>(join(content.directory, 'bases'), {
    what: 'the record of a base',
    schema: z.custom<BaseRecord>(),
    version: baseVersion,
  });

/** The identity of a record. It has the name, because an image with two names may be signed under only one of them. */
type BaseId = Pick<BaseRecord, 'name' | 'manifestDigest' | 'arch'>;

const fileOf = ({ name, manifestDigest, arch }: BaseId) =>
  hexOf(canonicalDigest({ name, manifestDigest, arch }));

export async function writeBase(context: Context, record: BaseRecord): Promise<BaseRecord> {
  await basesIn(context).write(fileOf(record), record);
  return record;
}

/** Returns the record and marks it as used now. */
export async function findBase(
  context: Pick<Context, 'content'>,
  id: BaseId,
): Promise<BaseRecord | undefined> {
  const bases = basesIn(context);
  const found = await bases.read(fileOf(id));
  const now = new Date();
  if (found) await utimes(bases.path(fileOf(id)), now, now);
  return found;
}

/** All records with the time of their last use. */
export async function listBases(
  context: Pick<Context, 'content'>,
): Promise<{ record: BaseRecord; used: Date }[]> {
  const bases = basesIn(context);
  const usedAt = async (record: BaseRecord) => (await stat(bases.path(fileOf(record)))).mtime;
  const records = await bases.list();
  return Promise.all(records.map(async (record) => ({ record, used: await usedAt(record) })));
}

export async function forgetBase(context: Pick<Context, 'content'>, record: BaseRecord): Promise<void> {
  await basesIn(context).remove(fileOf(record));
}
