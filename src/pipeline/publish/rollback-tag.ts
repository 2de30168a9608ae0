/** For `rollback`: moves a tag to an image that it pointed to before. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { readPrivateKey } from '../../stages/sign/key.ts';
import { recordedImages, rollbackTarget, sourceOf } from '../../stages/sign/tag-chain.ts';
import { holdAt, rejectedAfter } from '../../stages/sign/tag-hold.ts';
import type { RecordedMove } from '../../stages/sign/tag-move.ts';
import type { RunOptions } from '../state/context.ts';
import { layoutsOf, type Layout } from '../trust/fetch-signatures.ts';
import { readKeyText } from '../trust/signer-key.ts';
import { readHistory } from '../trust/tag-history.ts';
import type { DecideMove } from './append-move.ts';
import { withImageLocks } from './publish-lease.ts';
import { nowSeconds, placesIn } from './move-tags.ts';
import { pointTag, requireProofs, signedWith } from './point-tag.ts';
import { currentImage, openTag } from './targets.ts';

export interface RollbackOptions {
  /** REGISTRY/REPOSITORY:TAG */
  reference: string;
  /** The image to go back to; the one before the current image if it is absent. */
  to?: Digest | undefined;
  /** Path of the private key. */
  key: string;
  password: () => Promise<string>;
  note?: string | undefined;
  plainHttp: boolean;
  only?: Layout | undefined;
  life?: number | undefined;
}

export interface RolledBack {
  reference: string;
  from: Digest;
  to: Digest;
}

/**
 * Neither the departed image nor another one of its lock is published under the tag again until the hold is lifted, or
 * an image of another lock is published. Throws HISTORY_MISSING, HISTORY_ALTERED, IMAGE_UNPUBLISHED, IMAGE_REVOKED,
 * what verification throws, and what registries throw.
 */
export async function rollback(
  { reference: text, to, key: path, password, note, plainHttp, only, life }: RollbackOptions,
  run: Pick<RunOptions, 'state' | 'progress' | 'signal'>,
): Promise<RolledBack> {
  const target = await openTag(text, { plainHttp, ...run });
  const { reference, client, repository } = target;
  const key = await readPrivateKey(await readKeyText(path), await password(), path);
  const options = { state: run.state, warn: (sentence: string) => run.progress.warn(sentence) };
  const moves = await readHistory(placesIn(target)[0]!, { ...options, key: key.public });
  const from = await currentImage(target);
  const wanted = chooseImage(reference, moves, from, to);
  const manifest = await client.getManifest(repository, wanted);
  if (!manifest) {
    throw new MillinerError('IMAGE_UNPUBLISHED', `${target.registry}/${repository} no longer has ${wanted}`, {
      hint: 'Find another image with milliner log. Name it with --to DIGEST.',
      details: { reference, digest: wanted },
    });
  }
  const layouts = layoutsOf(only);
  run.progress.step(`verifying ${reference} at ${wanted}`);
  const found = { client, repository, manifest };
  await requireProofs(found, reference, layouts, { ...options, key: key.public });
  const decide = decideRollback(moves, from, wanted, note);
  await withImageLocks(run, signedWith(manifest), () =>
    pointTag(run, target, manifest, { key, layouts, life }, () => decide),
  );
  return { reference, from, to: wanted };
}

/** Throws HISTORY_MISSING. */
function chooseImage(
  reference: string,
  moves: readonly RecordedMove[],
  from: Digest,
  to: Digest | undefined,
): Digest {
  const refuse = (what: string) =>
    new MillinerError('HISTORY_MISSING', `${reference} ${what}`, {
      details: { reference, digest: to ?? from, images: [...recordedImages(moves)] },
    });
  if (to === undefined) {
    const wanted = rollbackTarget(moves, from);
    if (wanted !== undefined) return wanted;
    throw refuse(`has no record of an image before ${from}`);
  }
  if (to === from) throw new MillinerError('USAGE', `${reference} points to ${to} already`);
  if (!recordedImages(moves).has(to)) throw refuse(`has no record of a move to ${to}`);
  return to;
}

function decideRollback(
  moves: readonly RecordedMove[],
  from: Digest,
  to: Digest,
  note: string | undefined,
): DecideMove {
  const departed = { digest: from, ...sourceOf(moves, from) };
  const arrived = { digest: to, ...sourceOf(moves, to) };
  return (latest, current) => {
    if (current !== from) {
      throw new MillinerError(
        'REGISTRY_INVALID',
        `the tag points to ${current ?? 'nothing'}, no longer to ${from}`,
        {
          hint: 'Another publisher has moved the tag in the meantime. See milliner log, then run the command again.',
        },
      );
    }
    // An earlier rollback ended between the record and the move.
    if (latest?.reason === 'rolled-back' && latest.to === to) return undefined;
    const hold = holdAt(latest, nowSeconds());
    return {
      to,
      lock: arrived.lock,
      content: arrived.content,
      reason: 'rolled-back',
      note,
      hold,
      rejected: rejectedAfter(latest?.rejected, departed, arrived),
    };
  };
}
