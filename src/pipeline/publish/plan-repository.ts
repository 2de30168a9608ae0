/** For `retention`: reads what a repository has, and decides what goes. */
import { inParallel } from '../../lib/host/parallel.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { standingsOf } from '../../stages/sign/standing.ts';
import type { RunOptions } from '../state/context.ts';
import { layouts } from '../trust/fetch-signatures.ts';
import type { Repository } from '../trust/repositories-by-name.ts';
import { statementsOn } from '../trust/standings.ts';
import {
  parallelRequests,
  readTag,
  readTags,
  type RepositoryTags,
  type TaggedImage,
} from '../trust/tagged-images.ts';
import type { StatedImage } from './former-images.ts';
import { orphanedAttachments } from './orphaned-attachments.ts';
import {
  judgeByRules,
  planRetention,
  rollbackImages,
  type JudgedInput,
  type RetentionPlan,
} from './plan-retention.ts';
import { historyPages, readHistories } from './retained-histories.ts';

export interface PlannedRepository {
  place: Repository;
  tags: RepositoryTags;
  plan: RetentionPlan;
}

/** Throws HISTORY_ALTERED, IMAGE_UNPUBLISHED, REGISTRY_INVALID, and what registries throw. */
export async function planRepository(
  place: Repository,
  key: PublicKey,
  { rules, now }: Pick<JudgedInput, 'rules' | 'now'>,
  run: Pick<RunOptions, 'state' | 'progress' | 'signal'>,
): Promise<PlannedRepository> {
  const tags = await readTags(place, run);
  const digests = [...new Set(tags.images.map(({ digest }) => digest))];
  let done = 0;
  const stated = await inParallel(digests, parallelRequests, run.signal, async (digest, signal) => {
    const client = place.client.under(signal);
    const envelopes = await statementsOn({ client, repository: place.repository, digest }, layouts);
    run.progress.update(`reading the statements of ${place.name}`, ++done, digests.length);
    return { digest, standings: standingsOf({ key, digest }, envelopes) } satisfies StatedImage;
  });
  const judged = { repository: place.name, tags, stated, rules, now };
  const kept = new Set(judgeByRules(judged).flatMap(({ tag, stays }) => (stays ? [tag] : [])));
  const names = tags.images.map(({ tag }) => tag);
  const histories = await readHistories(place, names, (tag) => kept.has(tag), key, run);
  const input = { ...judged, ...histories, histories: historyPages(tags, key) };
  const plan = planRetention(input, await untaggedAmong(place, rollbackImages(input), tags, run.signal));
  const orphans = await orphanedAttachments(place, tags, run.signal);
  return { place, tags, plan: { ...plan, images: [...plan.images, ...orphans] } };
}

/** What a rollback would go to without a tag of its own: an index needs its images, too. */
async function untaggedAmong(
  { client, ...place }: Repository,
  digests: readonly Digest[],
  { images }: RepositoryTags,
  signal: AbortSignal | undefined,
): Promise<TaggedImage[]> {
  const tagged = new Set(images.map(({ digest }) => digest));
  const others = [...new Set(digests)].filter((digest) => !tagged.has(digest));
  const found = await inParallel(others, parallelRequests, signal, (digest, within) =>
    readTag({ ...place, client: client.under(within) }, digest),
  );
  return found.filter((image) => image !== undefined);
}
