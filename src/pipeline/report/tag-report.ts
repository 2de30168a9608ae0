/** For `log`: the records of a tag, verified, with the image that the tag points to now. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { RegistryClient } from '../../lib/registry/client.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference, showReference, wantedTag } from '../../lib/registry/reference.ts';
import { historyTag } from '../../stages/sign/history-page.ts';
import { holdAt } from '../../stages/sign/tag-hold.ts';
import type { RecordedMove, Rejected, TagHold } from '../../stages/sign/tag-move.ts';
import type { RunOptions } from '../state/context.ts';
import { memoryIn } from '../trust/seen-tags.ts';
import { requirePemKey } from '../trust/signer-key.ts';
import { readHistory } from '../trust/tag-history.ts';

export interface TagReport {
  reference: string;
  /** The image that the tag points to now; absent if the tag was deleted. */
  manifestDigest?: Digest;
  /** Newest first. */
  moves: RecordedMove[];
  hold?: TagHold;
  rejected?: Rejected;
}

export interface HistoryOptions {
  reference: string;
  /** Path of the public key. */
  key: string;
  plainHttp: boolean;
  /** The reference that the records contain, for a copy of the repository. */
  signedAs?: string | undefined;
}

/** Throws HISTORY_MISSING, HISTORY_ALTERED, KEY_FILE_INVALID, and what registries throw. */
export async function reportTag(
  { reference: text, key: path, plainHttp, signedAs }: HistoryOptions,
  { state, progress, signal }: Pick<RunOptions, 'state' | 'progress' | 'signal'>,
): Promise<TagReport> {
  const { registry, repository, ...parsed } = parseReference(completeReference(text));
  const tag = wantedTag({ registry, repository, ...parsed });
  if (tag === undefined) throw new MillinerError('REFERENCE_INVALID', `${text} has no tag, only a digest`);
  const key = await requirePemKey(path, signal);
  const warn = (sentence: string) => progress.warn(sentence);
  const client = await RegistryClient.open({ registry, repository, plainHttp, report: warn, signal });
  const reference = showReference({ registry, repository, tag });
  const place = { client, repository, tag, reference: signedAs ?? reference };
  const moves = await readHistory(place, { key, state: await memoryIn(state, warn), warn });
  const latest = moves.at(-1);
  if (!latest) {
    throw new MillinerError('HISTORY_MISSING', `${registry} has no record of ${reference} by this key`, {
      details: { reference, tag: historyTag(tag, key) },
    });
  }
  const manifestDigest = await client.headManifest(repository, tag);
  if (manifestDigest !== latest.to) {
    warn(`${reference} points to ${manifestDigest ?? 'nothing'}, not to ${latest.to} of the newest record`);
  }
  const hold = holdAt(latest, Math.floor(Date.now() / 1000));
  const { rejected } = latest;
  return {
    reference,
    ...(manifestDigest && { manifestDigest }),
    moves: moves.toReversed(),
    ...(hold && { hold }),
    ...(rejected && { rejected }),
  };
}
