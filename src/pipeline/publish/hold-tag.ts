/** For `hold` and `unhold`: a signed record that stops all publishers from moving a tag, or lets them move it again. */
import { readPrivateKey, type SigningKey } from '../../stages/sign/key.ts';
import { holdAt } from '../../stages/sign/tag-hold.ts';
import { maxNoteLength, type RecordedMove, type TagHold } from '../../stages/sign/tag-move.ts';
import type { RunOptions } from '../state/context.ts';
import { readKeyText } from '../trust/signer-key.ts';
import type { DecideMove, NewMove } from './append-move.ts';
import { confirmMoves, nowSeconds, recordMoves } from './move-tags.ts';
import { currentImage, openTag, type Target } from './targets.ts';

export { maxNoteLength };

export interface HoldOptions {
  /** REGISTRY/REPOSITORY:TAG */
  reference: string;
  /** Path of the private key. */
  key: string;
  password: () => Promise<string>;
  plainHttp: boolean;
}

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

/** Number of the newest record, and whether the command has written it. */
interface Recorded {
  reference: string;
  number?: number;
  changed: boolean;
}

/** The same hold again changes nothing. Throws IMAGE_UNPUBLISHED, HISTORY_ALTERED, and what registries throw. */
export async function hold(
  { reason, until, ...options }: HoldOptions & TagHold,
  run: Run,
): Promise<Recorded & { hold: TagHold }> {
  const wanted: TagHold = { reason, ...(until !== undefined && { until }) };
  const recorded = await record(options, run, (latest, current) => {
    const there = holdAt(latest, nowSeconds());
    if (there && there.reason === reason && there.until === until) return undefined;
    const { lock, content, rejected } = stateOf(latest, current);
    return { to: current, lock, content, reason: 'held', note: reason, hold: wanted, rejected };
  });
  return { ...recorded, hold: wanted };
}

/**
 * Lifts the hold, and what a rollback has rejected counts no more. Does nothing if the tag is not held. Throws
 * IMAGE_UNPUBLISHED, HISTORY_ALTERED, and what registries throw.
 */
export function unhold({ note, ...options }: HoldOptions & { note?: string | undefined }, run: Run) {
  return record(options, run, (latest, current) => {
    if (!latest?.hold && !latest?.rejected) return undefined;
    const { lock, content } = stateOf(latest, current);
    return { to: current, lock, content, reason: 'released', note };
  });
}

async function record(
  { reference: text, key: path, password, plainHttp }: HoldOptions,
  run: Run,
  decide: (latest: RecordedMove | undefined, current: RecordedMove['to']) => NewMove | undefined,
): Promise<Recorded> {
  const target = await openTag(text, { plainHttp, ...run });
  await currentImage(target);
  const key = await readPrivateKey(await readKeyText(path), await password(), path);
  return recordOnce(run, target, key, decide);
}

async function recordOnce(
  run: Run,
  target: Target & { reference: string },
  key: SigningKey,
  decide: (latest: RecordedMove | undefined, current: RecordedMove['to']) => NewMove | undefined,
): Promise<Recorded> {
  let changed = false;
  const decideNow: DecideMove = (latest, current) => {
    const move = current === undefined ? undefined : decide(latest, current);
    changed = move !== undefined;
    return move;
  };
  const moves = await recordMoves(run, target, key, () => decideNow);
  await confirmMoves(run, target, key, moves);
  return { reference: target.reference, ...(moves[0] && { number: moves[0].number }), changed };
}

/** What a record about a hold repeats. The lock and the content are those of the current image alone. */
function stateOf(latest: RecordedMove | undefined, current: RecordedMove['to']) {
  const { lock, content } = latest?.to === current ? latest : {};
  return { lock, content, rejected: latest?.rejected };
}
