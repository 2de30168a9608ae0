/**
 * Appends a record to the history of a tag. The record is written before the tag moves: after a crash in between, the
 * history says more than the tag, and the next publish of that image moves the tag without another record.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { manifestType } from '../../lib/oci/descriptor.ts';
import { canonicalDigest, hexOf, sha256Of, type Digest } from '../../lib/oci/digest.ts';
import { readManifest, type Artifact } from '../../stages/sign/artifact.ts';
import { attachedLayer } from '../../stages/sign/attestation.ts';
import { historyTag, pageOf, pageRecords } from '../../stages/sign/history-page.ts';
import type { SigningKey } from '../../stages/sign/key.ts';
import { attestMove, type RecordedMove, type TagMove } from '../../stages/sign/tag-move.ts';
import { withStateLock } from '../state/state-lock.ts';
import type { StandingOptions } from '../trust/standings.ts';
import {
  newestPage,
  readHistory,
  rememberNewest,
  type NewestPage,
  type TagPlace,
} from '../trust/tag-history.ts';

/** What a move says besides its place in the chain. */
export type NewMove = Omit<TagMove, 'reference' | 'number' | 'from' | 'by' | 'time' | 'previous'>;

/**
 * Decides on the next record from the newest one and from the image that the tag points to now; undefined if there is
 * nothing to record. It may be asked repeatedly, because another publisher can append a record at the same time.
 */
export type DecideMove = (
  latest: RecordedMove | undefined,
  current: Digest | undefined,
) => NewMove | undefined;

export interface AppendOptions extends Omit<StandingOptions, 'key'> {
  state: string;
  signal?: AbortSignal | undefined;
}

/** How often a record is written again after another publisher has overwritten it. */
const maxWrites = 10;

/**
 * Returns the new record, or the newest one if `decide` wants none. A registry has no compare-and-set: a publisher that
 * read the history before our record was written can overwrite it. So the manifest is compared right before it is
 * written and read back after it, and a lost record is written again. Throws HISTORY_ALTERED, REGISTRY_INVALID, what
 * `decide` throws, and what registries throw.
 */
export async function appendMove(
  place: TagPlace,
  key: SigningKey,
  options: AppendOptions,
  decide: DecideMove,
): Promise<RecordedMove | undefined> {
  const name = hexOf(canonicalDigest({ reference: place.reference }));
  const { state, signal } = options;
  return withStateLock({ state, signal }, `history-${name}`, () => appendInTurn(place, key, options, decide));
}

async function appendInTurn(
  place: TagPlace,
  key: SigningKey,
  options: AppendOptions,
  decide: DecideMove,
): Promise<RecordedMove | undefined> {
  for (let attempt = 0; attempt < maxWrites; attempt++) {
    if (attempt > 0) await sleep(Math.random() * 100 * attempt);
    const newest = await newestPage(place, { ...options, key: key.public });
    const current = await place.client.headManifest(place.repository, place.tag);
    const wanted = decide(newest?.latest, current);
    if (!wanted) return newest?.latest;
    const move: TagMove = {
      ...wanted,
      reference: place.reference,
      number: (newest?.latest.number ?? 0) + 1,
      ...(current && { from: current }),
      by: key.public.hint,
      time: Math.floor(Date.now() / 1000),
      ...(newest && { previous: newest.latest.digest }),
    };
    const attestation = attestMove(key, move);
    const written = { ...move, digest: sha256Of(attestation.envelope.payload) };
    if (await writeRecord(place, key, newest, attachedLayer(attestation, key.public))) return written;
  }
  const name = historyTag(place.tag, key.public);
  throw new MillinerError(
    'REGISTRY_INVALID',
    `${place.client.registry} does not return a record in ${name}`,
    {
      hint: 'Find out who else publishes there: another publisher may overwrite the history at the same time.',
      details: { reference: place.reference },
    },
  );
}

/** Checks after the tag has moved that the record is still in the history, and writes it again if it was overwritten. */
export async function confirmMove(
  place: TagPlace,
  key: SigningKey,
  options: AppendOptions,
  recorded: RecordedMove,
): Promise<void> {
  const asKey = { ...options, key: key.public };
  const latest = (await newestPage(place, asKey))?.latest;
  const isLater = latest !== undefined && latest.number > recorded.number;
  const candidates = isLater ? await readHistory(place, asKey) : [latest];
  if (candidates.some((one) => one?.digest === recorded.digest)) {
    return rememberNewest(place, asKey, recorded);
  }
  const { lock, content, reason, note, to } = recorded;
  const written = await appendMove(place, key, options, (now) => {
    // What overwrote the record may be a hold, which stays unless the record has lifted one.
    const keptHold = reason === 'released' ? undefined : (recorded.hold ?? now?.hold);
    const rejected = reason === 'released' ? undefined : (recorded.rejected ?? now?.rejected);
    return { to, lock, content, reason, note, hold: keptHold, rejected };
  });
  if (written) await rememberNewest(place, asKey, written);
}

/** False if another publisher has changed the history in the meantime. */
async function writeRecord(
  place: TagPlace,
  key: SigningKey,
  newest: NewestPage | undefined,
  layer: ReturnType<typeof attachedLayer>,
): Promise<boolean> {
  const { client, repository, tag } = place;
  const name = historyTag(tag, key.public);
  const isFull = newest?.layers.length === pageRecords;
  if (isFull) {
    const full = historyTag(tag, key.public, newest.latest.number / pageRecords);
    await client.putManifest(repository, full, newest.manifest, manifestType);
  }
  const page = pageOf(isFull ? [] : (newest?.layers ?? []), layer);
  await pushPage(place, page);
  const before = await client.findManifest(repository, name);
  if (before?.digest !== newest?.digest) return false;
  await client.putManifest(repository, name, page.manifest, manifestType);
  const there = await client.findManifest(repository, name);
  const layers = there ? readManifest(there.bytes, name).layers : [];
  return layers.some(({ digest }) => digest === layer.descriptor.digest);
}

async function pushPage({ client, repository }: TagPlace, { blobs }: Artifact): Promise<void> {
  for (const [digest, bytes] of blobs) {
    await client.pushBlob(repository, { digest: digest as Digest, size: bytes.length, content: { bytes } });
  }
}
