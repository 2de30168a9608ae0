/** What is known of bases that no recipe makes: one file for each, beside the content that they are made of. */
import { stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { canonicalDigest, hexOf, type Digest } from '../../lib/oci/digest.ts';
import type { BaseSource } from '../../stages/recipe/base-source.ts';
import type { Context } from './context.ts';
import type { ImageRecord } from './image-records.ts';
import { JsonStore } from './json-store.ts';

/** What a recipe can be built on, whoever made it; a file system has no manifest, and its layer's digest for one. */
export interface Parent extends Pick<
  ImageRecord,
  'name' | 'manifestDigest' | 'layers' | 'config' | 'snapshot' | 'tree'
> {
  /** Absolute path in the image; absent where it has no rpm database. */
  dbPath?: string;
}

/** A file system is called after its file: where that lies says nothing. */
export function nameOf(source: BaseSource): string {
  return source.kind === 'image' ? source.reference : basename(source.path);
}

/** Whether others can find it by its name and digest. */
export function isImage(parent: Parent & { kind?: BaseSource['kind'] }): boolean {
  return parent.kind === undefined || parent.kind === 'image';
}

export interface BaseRecord extends Parent {
  version: number;
  kind: BaseSource['kind'];
  arch: string;
  /** What a lock has of it: the manifest, the tar, or the tree as a layer holds it. */
  digest: Digest;
  /** The index by which it was found. */
  index?: Digest;
  /** Who was found to have signed it: sigstore's hints of keys, or fingerprints of OpenPGP. */
  signedBy: string[];
  /** Those whose signatures name no reference. */
  signedUnnamedBy: string[];
  /** NEVRAs of what its rpm database has. */
  packages: string[];
  /** Seconds: when the newest of its packages was built, or it was made itself where that is later. */
  epoch: number;
}

/** Of the fields above: a record of another form is as good as none. */
export const baseVersion = 2;

/** Beside the content, not the snapshots: a build from nothing has a state of its own, and need not pull again. */
const basesIn = ({ content }: Pick<Context, 'content'>) =>
  new JsonStore<BaseRecord>(join(content.directory, 'bases'), {
    what: 'the record of a base',
    schema: z.custom<BaseRecord>(),
    version: baseVersion,
  });

/** By which it is known. An image of two names was perhaps signed under one of them only. */
type BaseId = Pick<BaseRecord, 'name' | 'manifestDigest' | 'arch'>;

const fileOf = ({ name, manifestDigest, arch }: BaseId) =>
  hexOf(canonicalDigest({ name, manifestDigest, arch }));

export async function writeBase(context: Context, record: BaseRecord): Promise<BaseRecord> {
  await basesIn(context).write(fileOf(record), record);
  return record;
}

/** Noted as used now. */
export async function findBase(context: Context, id: BaseId): Promise<BaseRecord | undefined> {
  const bases = basesIn(context);
  const found = await bases.read(fileOf(id));
  const now = new Date();
  if (found) await utimes(bases.path(fileOf(id)), now, now);
  return found;
}

/** With the time of their last use. */
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
