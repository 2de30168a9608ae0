/**
 * Reads the history of a tag from its registry: the newest record, for publishers, or all of them. An account that may
 * push can put an older history in its place, so the newest record seen is remembered in the state.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Descriptor } from '../../lib/oci/descriptor.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import type { RegistryClient } from '../../lib/registry/client.ts';
import { readManifest } from '../../stages/sign/artifact.ts';
import { layerEnvelopes } from '../../stages/sign/attestation.ts';
import {
  historyTag,
  maxPages,
  maxRecordBytes,
  pageBefore,
  pageRecords,
} from '../../stages/sign/history-page.ts';
import { requireChain } from '../../stages/sign/tag-chain.ts';
import { openMove, refuseHistory, type RecordedMove } from '../../stages/sign/tag-move.ts';
import { rememberMove, seenMove } from './seen-tags.ts';
import { rememberIfAllowed, type StandingOptions } from './standings.ts';

/** A tag in a repository, and the reference that its records contain. */
export interface TagPlace {
  client: RegistryClient;
  repository: string;
  tag: string;
  /** REGISTRY/REPOSITORY:TAG */
  reference: string;
}

interface Page {
  /** Digest and bytes of the manifest. */
  digest: Digest;
  manifest: Buffer;
  layers: Descriptor[];
}

/** The newest page of a history, with its newest record. */
export interface NewestPage extends Page {
  latest: RecordedMove;
}

/** Enough to use the bandwidth, and few enough for the limits of a registry. */
const parallel = 8;

/**
 * Publishers remember the record that they see here only after the tag has moved: a race can overwrite it before that.
 * Undefined if the tag has no history. Throws HISTORY_ALTERED, STATE_INVALID, and what registries throw.
 */
export async function newestPage(place: TagPlace, options: StandingOptions): Promise<NewestPage | undefined> {
  const page = await fetchPage(place, historyTag(place.tag, options.key));
  const latest = page && (await readRecords(place, options, page, page.layers.length - 1))[0];
  if (latest && (latest.number - 1) % pageRecords !== page.layers.length - 1) {
    throw refuseHistory(place.reference, { number: latest.number })('lies in another place');
  }
  await requireRemembered(place, options, latest ? [latest] : []);
  return page && latest && { ...page, latest };
}

/** All records, oldest first; none if the tag has no history. Throws the same. */
export async function readHistory(place: TagPlace, options: StandingOptions): Promise<RecordedMove[]> {
  const moves: RecordedMove[] = [];
  let page = await fetchPage(place, historyTag(place.tag, options.key));
  for (let count = 0; page; count++) {
    if (count === maxPages) throw refuseHistory(place.reference)(`has more than ${maxPages} pages`);
    moves.unshift(...(await readRecords(place, options, page)));
    const before = pageBefore(moves[0]!.number);
    if (before === undefined) break;
    const isWhole = Number.isInteger(before);
    page = isWhole ? await fetchPage(place, historyTag(place.tag, options.key, before)) : undefined;
  }
  requireChain(place.reference, moves);
  await requireRemembered(place, options, moves);
  const latest = moves.at(-1);
  if (latest) await rememberNewest(place, options, latest);
  return moves;
}

/** Remembers the newest record, unless another run has remembered a newer one. */
export async function rememberNewest(
  place: TagPlace,
  options: StandingOptions,
  { number, digest }: Pick<RecordedMove, 'number' | 'digest'>,
): Promise<void> {
  const { state, key, warn } = options;
  if (state === undefined) return;
  const subject = { key: key.hint, of: place.reference };
  if (number <= ((await seenMove(state, subject))?.number ?? 0)) return;
  await rememberIfAllowed(warn, () => rememberMove(state, subject, { digest, number }));
}

/** Refuses a history that ends before the record seen last, or that has another record in its place. */
async function requireRemembered(
  place: TagPlace,
  options: StandingOptions,
  moves: readonly RecordedMove[],
): Promise<void> {
  const { state, key } = options;
  if (state === undefined) return;
  const seen = await seenMove(state, { key: key.hint, of: place.reference });
  if (!seen) return;
  const latest = moves.at(-1);
  const refuse = refuseHistory(place.reference, { number: seen.number, digest: seen.digest });
  if (!latest || latest.number < seen.number) throw refuse('is missing, and this host has seen it before');
  const there = moves.find(({ number }) => number === seen.number);
  if (there && there.digest !== seen.digest) throw refuse('is another one than this host has seen before');
}

async function fetchPage(
  { client, repository, reference }: TagPlace,
  tag: string,
): Promise<Page | undefined> {
  const found = await client.findManifest(repository, tag);
  if (!found) return undefined;
  const { digest, bytes: manifest } = found;
  const layers: Descriptor[] = altered(reference, () => readManifest(manifest, tag).layers);
  if (layers.length > 0 && layers.length <= pageRecords) return { digest, manifest, layers };
  throw refuseHistory(reference)(`has ${layers.length} records on a page (${tag})`);
}

/** The records of a page from an index on. */
async function readRecords(
  place: TagPlace,
  { key }: StandingOptions,
  { manifest, layers }: Page,
  from = 0,
): Promise<RecordedMove[]> {
  const { reference } = place;
  const wanted = [...layers.entries()].slice(from);
  const fetched = await inParallel(wanted, parallel, undefined, ([index, layer]) =>
    fetchRecord(place, layer, index + 1),
  );
  const blobs = new Map(wanted.map(([, { digest }], position) => [digest as string, fetched[position]!]));
  const envelopes = altered(reference, () => layerEnvelopes(reference, { manifest, blobs }));
  return wanted.map(([index]) => openMove({ key, reference }, envelopes[index]!, index + 1));
}

async function fetchRecord(
  { client, repository, reference }: TagPlace,
  { digest, size }: Descriptor,
  number: number,
): Promise<Buffer> {
  const refuse = refuseHistory(reference, { number, digest });
  if (size > maxRecordBytes) throw refuse(`has ${size} bytes, more than ${maxRecordBytes}`);
  const bytes = await client.getBlob(repository, digest, size).catch((error: unknown) => {
    if (!(error instanceof MillinerError) || !('digest' in error.details)) throw error;
    throw refuse('was altered', error);
  });
  if (!bytes) throw refuse('is missing');
  return bytes;
}

/** A manifest that cannot be read is an altered history. */
function altered<T>(reference: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MillinerError)) throw error;
    throw refuseHistory(reference)(`has a manifest that cannot be read: ${error.message}`, error);
  }
}
