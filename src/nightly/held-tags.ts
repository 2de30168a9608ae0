/** Whether the tags of a recipe are held, by their signed histories: what a job in the queue says of it is not sealed. */
import type { Digest } from '../lib/oci/digest.ts';
import { placesIn } from '../pipeline/publish/move-tags.ts';
import { openTargets } from '../pipeline/publish/targets.ts';
import type { RunOptions } from '../pipeline/state/context.ts';
import { newestPage } from '../pipeline/trust/tag-history.ts';
import { fillReferences } from '../stages/recipe/fill-references.ts';
import { allReferences } from '../queue/release-tags.ts';
import type { PublicKey } from '../stages/sign/public-key.ts';
import { heldBack } from '../stages/sign/tag-hold.ts';
import type { NightRecipe } from './night-members.ts';

export interface HoldOfTag {
  reason: string;
  /** ISO 8601. */
  until?: string;
  /** Hint of the key. */
  by: string;
}

/** The hold, or the rollback from this lock, of the first tag that has one. Throws what registries throw. */
export async function findHold(
  run: Pick<RunOptions, 'state' | 'progress' | 'signal'>,
  { member, to, arches }: NightRecipe,
  lock: Digest,
  { key, plainHttp }: { key: PublicKey; plainHttp: boolean },
): Promise<HoldOfTag | undefined> {
  const { recipe, path } = member.loaded;
  const references = allReferences({ to: fillReferences(recipe, path, to), arches });
  const options = { key, state: run.state, warn: (sentence: string) => run.progress.warn(sentence) };
  for (const target of await openTargets(references, { ...run, plainHttp })) {
    for (const place of placesIn(target)) {
      const latest = (await newestPage(place, options))?.latest;
      // Of the image only its lock is known here: a rollback rejects both.
      const held = latest && heldBack(latest, { digest: latest.to, lock }, Math.floor(Date.now() / 1000));
      if (!held) continue;
      const { reason, until } = held;
      return {
        reason,
        ...(until !== undefined && { until: new Date(until * 1000).toISOString() }),
        by: latest.by,
      };
    }
  }
  return undefined;
}
