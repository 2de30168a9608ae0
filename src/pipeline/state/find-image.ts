/**
 * Finds the record of an image by what a user gives: a recipe's name, or the beginning of a digest, which may be that
 * of an index that was published here. A name means this host's architecture unless another is given.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { listFormer, listRecords, type ImageRecord } from './image-records.ts';
import { findIndex } from './index-records.ts';

/** Throws IMAGE_NOT_FOUND. */
export async function findRecord(state: string, image: string, arch?: string): Promise<ImageRecord> {
  const found = await findRecords(state, image, arch);
  return found.find((record) => record.arch === hostArch()) ?? found[0]!;
}

/** As findRecord, and also finds replaced images by digest. */
export async function findAnyRecord(state: string, image: string, arch?: string): Promise<ImageRecord> {
  const prefix = digestPrefix(image);
  const former = prefix === undefined ? [] : await listFormer(state);
  const isMeant = (record: ImageRecord) =>
    record.manifestDigest.startsWith(prefix!) && (arch === undefined || record.arch === arch);
  return former.find(isMeant) ?? findRecord(state, image, arch);
}

/** All architectures of a name or of an index, or the one image of a digest. Throws IMAGE_NOT_FOUND. */
export async function findRecords(state: string, image: string, arch?: string): Promise<ImageRecord[]> {
  const records = await listRecords(state);
  const prefix = digestPrefix(image);
  const isOfArch = (record: ImageRecord) => arch === undefined || record.arch === arch;
  const ofName = records.filter((record) => record.name === image && isOfArch(record));
  if (ofName.length > 0) return ofName;
  const index = prefix === undefined ? undefined : await findIndex(state, prefix);
  const isMeant = (record: ImageRecord) =>
    index?.images.includes(record.manifestDigest) === true ||
    (prefix !== undefined && record.manifestDigest.startsWith(prefix));
  const found = records.filter((record) => isMeant(record) && isOfArch(record));
  if (found.length > 0) return found;
  const known = records.map((record) => `${record.name} (${record.arch})`).join(', ') || 'none';
  const of = arch === undefined ? '' : ` for ${arch}`;
  throw new MillinerError('IMAGE_NOT_FOUND', `no image ${image}${of} in ${state}; there are: ${known}`);
}

function digestPrefix(image: string): string | undefined {
  const hex = image.replace(/^sha256:/, '');
  return /^[0-9a-f]{8,64}$/.test(hex) ? `sha256:${hex}` : undefined;
}
