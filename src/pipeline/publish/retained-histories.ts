/** For `retention`: the histories of the tags of a repository, where they lie, and what they say. */
import { MillinerError } from '../../lib/errors/error.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { historyTag } from '../../stages/sign/history-page.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import type { RecordedMove } from '../../stages/sign/tag-move.ts';
import type { RunOptions } from '../state/context.ts';
import type { Repository } from '../trust/repositories-by-name.ts';
import { readHistory } from '../trust/tag-history.ts';
import { parallelRequests, type RepositoryTags } from '../trust/tagged-images.ts';

interface Histories {
  /** Records by tag. */
  moves: Map<string, RecordedMove[]>;
  /** Tags whose history was altered. */
  altered: Set<string>;
}

/**
 * An altered history of a tag that the rules keep is an error: it could tell of another image that a rollback needs. That
 * of another tag keeps it, because it could tell of a hold. Throws HISTORY_ALTERED, STATE_INVALID, and what registries
 * throw.
 */
export async function readHistories(
  { client, name, repository }: Repository,
  tags: readonly string[],
  isKept: (tag: string) => boolean,
  key: PublicKey,
  { state, progress, signal }: Pick<RunOptions, 'state' | 'progress' | 'signal'>,
): Promise<Histories> {
  const options = { state, key, warn: (sentence: string) => progress.warn(sentence) };
  const altered = new Set<string>();
  let done = 0;
  const found = await inParallel(tags, parallelRequests, signal, async (tag, within) => {
    const place = { client: client.under(within), repository, tag, reference: `${name}:${tag}` };
    const moves = await readHistory(place, options).catch((error: unknown) => {
      if (isKept(tag) || !(error instanceof MillinerError) || error.code !== 'HISTORY_ALTERED') throw error;
      progress.warn(`${place.reference} stays: ${error.message}`);
      altered.add(tag);
      return [];
    });
    progress.update(`reading the histories of ${name}`, ++done, tags.length);
    return [tag, moves] as const;
  });
  return { moves: new Map(found), altered };
}

/** The tags of all pages of each tag's history under this key. */
export function historyPages(
  { images, derived }: Pick<RepositoryTags, 'images' | 'derived'>,
  key: PublicKey,
): Map<string, string[]> {
  const pages = Map.groupBy(derived, (tag) => tag.replace(/\.\d+$/, ''));
  return new Map(images.map(({ tag }) => [tag, pages.get(historyTag(tag, key)) ?? []]));
}
