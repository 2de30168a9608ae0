/** For `rmi`: takes names from images, and removes from the state what has none left. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Context } from '../state/context.ts';
import { findRecords } from '../state/find-image.ts';
import { collectGarbage, gcDefaults, type Collected } from '../state/gc.ts';
import {
  forgetFormer,
  listFormer,
  listRecords,
  removeRecord,
  type ImageRecord,
} from '../state/image-records.ts';
import { localNameIn } from '../state/local-name.ts';
import { listInstances } from './instance-records.ts';

export interface Removed extends Collected {
  /** Names, and NAME@DIGEST for a generation. */
  images: string[];
}

/**
 * A name goes with all its generations, a generation alone, and a digest with all names that it has. Throws
 * IMAGE_NOT_FOUND, and BUSY before anything is removed while an instance runs from an image that would have no name.
 */
export async function removeNames(context: Context, words: readonly string[]): Promise<Removed> {
  const { state } = context;
  const images: string[] = [];
  const collected = await collectGarbage(context, gcDefaults, async () => {
    const all = [...(await listRecords(state)), ...(await listFormer(state))];
    const going = new Set<ImageRecord>();
    for (const word of words) for (const one of await meantBy(state, word, all)) going.add(one);
    await requireUnused(state, going, all);
    for (const record of going) images.push(await forget(state, record));
  });
  return { images: [...new Set(images)], ...collected };
}

async function meantBy(state: string, word: string, all: readonly ImageRecord[]): Promise<ImageRecord[]> {
  const found = await findRecords(state, word);
  const name = localNameIn(word);
  if (found[0]!.name === name) return all.filter((one) => one.name === name);
  const isGeneration = word.includes('@');
  return all.filter((one) =>
    found.some(
      ({ manifestDigest, name: of }) =>
        one.manifestDigest === manifestDigest && (!isGeneration || one.name === of),
    ),
  );
}

async function requireUnused(
  state: string,
  going: ReadonlySet<ImageRecord>,
  all: readonly ImageRecord[],
): Promise<void> {
  const left = new Set(all.filter((one) => !going.has(one)).map((one) => one.manifestDigest));
  const lost = new Map([...going].map((one) => [one.manifestDigest as string, one]));
  const running = (await listInstances(state)).filter(({ manifestDigest }) => lost.has(manifestDigest));
  const users = running.filter(({ manifestDigest }) => !left.has(manifestDigest as ImageRecord['tree']));
  if (users.length === 0) return;
  const ids = users.map(({ id }) => id);
  const { name } = lost.get(users[0]!.manifestDigest)!;
  throw new MillinerError('BUSY', `${name} is in use by running instances: ${ids.join(', ')}`, {
    hint: `Stop them first: milliner stop ${ids.join(' ')}.`,
    details: { image: name, instances: ids },
  });
}

async function forget(state: string, record: ImageRecord): Promise<string> {
  const { name, arch, manifestDigest } = record;
  const current = (await listRecords(state)).find((one) => one.name === name && one.arch === arch);
  if (current?.manifestDigest === manifestDigest) {
    await removeRecord(state, record);
    return name;
  }
  await forgetFormer(state, record);
  return current ? `${name}@${manifestDigest}` : name;
}
