/**
 * Finds the record of an image by what a user gives: a name, NAME@GENERATION, or the beginning of a digest, which may be
 * that of an index that was published here. A name means this host's architecture unless another is given.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { readGenerations } from './generations.ts';
import { listFormer, listRecords, readRecord, type ImageRecord } from './image-records.ts';
import { findIndex } from './index-records.ts';
import { localNameIn } from './local-name.ts';

/** Also finds images that others have replaced, by digest or generation. Throws IMAGE_NOT_FOUND. */
export async function findRecord(state: string, image: string, arch?: string): Promise<ImageRecord> {
  const found = await findRecords(state, image, arch);
  return found.find((record) => record.arch === hostArch()) ?? found[0]!;
}

/** Whether a word is the name of an image for this host, such as the reference that it was pulled by. */
export async function isImageName(state: string, word: string): Promise<boolean> {
  const name = localNameIn(word);
  return name !== undefined && (await readRecord(state, { name, arch: hostArch() })) !== undefined;
}

/** All architectures of a name, generation or index, or the one image of a digest. Throws IMAGE_NOT_FOUND. */
export async function findRecords(state: string, image: string, arch?: string): Promise<ImageRecord[]> {
  const current = await listRecords(state);
  const isOfArch = (record: ImageRecord) => arch === undefined || record.arch === arch;
  const name = localNameIn(image);
  const ofName = current.filter((record) => record.name === name && isOfArch(record));
  if (ofName.length > 0) return ofName;
  const all = [...current, ...(await listFormer(state))].filter(isOfArch);
  const found = (await ofGeneration(state, image, all)) ?? (await ofDigest(state, image, all));
  if (found.length > 0) return found;
  const known = current.map((record) => `${record.name} (${record.arch})`).join(', ') || 'none';
  const of = arch === undefined ? '' : ` for ${arch}`;
  throw new MillinerError('IMAGE_NOT_FOUND', `no image ${image}${of} in ${state}; there are: ${known}`);
}

/** Undefined if the text names no generation. */
async function ofGeneration(state: string, image: string, all: readonly ImageRecord[]) {
  const [, text = '', number] = /^(.+)@(\d{1,9})$/.exec(image) ?? [];
  if (number === undefined) return undefined;
  const name = localNameIn(text);
  const found: ImageRecord[] = [];
  for (const record of uniqueImages(all.filter((one) => one.name === name))) {
    const generations = await readGenerations(state, record);
    const digest = generations.find((one) => one.number === Number(number))?.digest;
    if (digest === record.manifestDigest) found.push(record);
  }
  return found;
}

async function ofDigest(state: string, image: string, all: readonly ImageRecord[]) {
  const hex = image.replace(/^sha256:/, '');
  if (!/^[0-9a-f]{8,64}$/.test(hex)) return [];
  const prefix = `sha256:${hex}`;
  const index = await findIndex(state, prefix);
  return uniqueImages(
    all.filter(
      ({ manifestDigest }) =>
        index?.images.includes(manifestDigest) === true || manifestDigest.startsWith(prefix),
    ),
  );
}

/** One record of each image, which may have several names. */
function uniqueImages(records: readonly ImageRecord[]): ImageRecord[] {
  const first = new Map<string, ImageRecord>();
  for (const record of records) {
    const key = `${record.manifestDigest} ${record.arch}`;
    if (!first.has(key)) first.set(key, record);
  }
  return [...first.values()];
}
