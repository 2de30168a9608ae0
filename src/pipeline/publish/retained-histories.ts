/** For `retention`: the histories of the tags of a repository, where they lie, and what those of kept tags say. */
import { inParallel } from '../../lib/host/parallel.ts';
import { historyTag } from '../../stages/sign/history-page.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import type { RecordedMove } from '../../stages/sign/tag-move.ts';
import type { RunOptions } from '../state/context.ts';
import type { Repository } from '../trust/repositories-by-name.ts';
import { readHistory } from '../trust/tag-history.ts';
import { parallelRequests, type RepositoryTags } from '../trust/tagged-images.ts';

/**
 * Records by tag. An altered history is an error: it could tell of another image that a rollback needs. Throws
 * HISTORY_ALTERED, STATE_INVALID, and what registries throw.
 */
export async function readMoves(
  { client, name, repository }: Repository,
  tags: readonly string[],
  key: PublicKey,
  { state, progress, signal }: Pick<RunOptions, 'state' | 'progress' | 'signal'>,
): Promise<Map<string, RecordedMove[]>> {
  const options = { state, key, warn: (sentence: string) => progress.warn(sentence) };
  let done = 0;
  const found = await inParallel(tags, parallelRequests, signal, async (tag, within) => {
    const place = { client: client.under(within), repository, tag, reference: `${name}:${tag}` };
    const moves = await readHistory(place, options);
    progress.update(`reading the histories of ${name}`, ++done, tags.length);
    return [tag, moves] as const;
  });
  return new Map(found);
}

/** The tags of all pages of each tag's history under this key. */
export function historyPages(
  { images, derived }: Pick<RepositoryTags, 'images' | 'derived'>,
  key: PublicKey,
): Map<string, string[]> {
  const pages = Map.groupBy(derived, (tag) => tag.replace(/\.\d+$/, ''));
  return new Map(images.map(({ tag }) => [tag, pages.get(historyTag(tag, key)) ?? []]));
}
