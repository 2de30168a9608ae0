/** For `log`: the generations of a name in this state. */
import { findRecord } from '../state/find-image.ts';
import { readGenerations, type Generation } from '../state/generations.ts';
import { listFormer } from '../state/image-records.ts';

export interface NameLog {
  name: string;
  arch: string;
  /** Newest first. */
  generations: (Generation & { /** Whether it can be run and compared with. */ isHere: boolean })[];
}

/** Throws IMAGE_NOT_FOUND. */
export async function logOf(state: string, image: string, arch: string | undefined): Promise<NameLog> {
  const record = await findRecord(state, image, arch);
  const former = (await listFormer(state)).filter(({ name }) => name === record.name);
  const here = new Set([record, ...former].map(({ manifestDigest }) => manifestDigest));
  const generations = (await readGenerations(state, record)).toReversed();
  return {
    name: record.name,
    arch: record.arch,
    generations: generations.map((one) => ({ ...one, isHere: here.has(one.digest) })),
  };
}
