/**
 * Signed records of the moves of a tag: from which image to which, when, by which key and for what reason. Each record
 * has the digest of the record before it, so the records of a tag form a chain, in which a change shows. A record also
 * repeats what holds the tag after the move: a publisher needs only the newest record.
 */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { isDigest, type Digest } from '../../lib/oci/digest.ts';
import type { FoundEnvelope } from './attestation.ts';
import type { SigningKey } from './key.ts';
import type { PublicKey } from './public-key.ts';
import { attest, openSigned, predicateTypes, type Attestation } from './statement.ts';

/** `held` and `released` are about the hold of a tag: the tag stays where it is. */
const reasons = ['published', 'rolled-back', 'promoted', 'held', 'released'] as const;

/** Characters of a text that a person has given. */
export const maxNoteLength = 1000;
/** Rejected images and locks. A publisher drops the oldest ones. */
export const maxRejected = 64;

const digest = z.custom<Digest>(isDigest, { error: 'is not a sha256 digest' });
const note = z.string().min(1).max(maxNoteLength);
const seconds = z.int().nonnegative();

const holdSchema = z.strictObject({
  reason: note,
  /** Seconds since 1970. Without it, the hold lasts until it is lifted. */
  until: seconds.optional(),
});

const rejectedSchema = z.strictObject({
  images: z.array(digest).max(maxRejected),
  locks: z.array(digest).max(maxRejected),
});

const moveSchema = z.strictObject({
  /** REGISTRY/REPOSITORY:TAG */
  reference: z.string().max(1000),
  /** 1 for the first record of the tag, and one more for each next record. */
  number: z.int().positive(),
  /** What the tag pointed to before; absent for a new tag. The digest of an image or of an index. */
  from: digest.optional(),
  to: digest,
  /** Digest of the lock that the image was built from. */
  lock: digest.optional(),
  /** Digest of what the recipe and its bases said besides packages. */
  content: digest.optional(),
  reason: z.enum(reasons),
  note: note.optional(),
  /** Hint of the key. */
  by: z.string().max(200),
  /** Seconds since 1970. */
  time: seconds,
  /** Digest of the record before. */
  previous: digest.optional(),
  /** Stops every publisher from moving the tag. */
  hold: holdSchema.optional(),
  /** Images and locks from which the tag was rolled back. No publisher moves the tag to them. */
  rejected: rejectedSchema.optional(),
});

export type TagMove = z.infer<typeof moveSchema>;
export type TagHold = z.infer<typeof holdSchema>;
export type Rejected = z.infer<typeof rejectedSchema>;
export interface RecordedMove extends TagMove {
  /** Digest of the signed bytes, which the next record repeats. */
  digest: Digest;
}

export function attestMove(key: SigningKey, move: TagMove): Attestation {
  return attest(key, move.to, predicateTypes.move, moveSchema.parse(move));
}

/** Throws HISTORY_ALTERED if it is not a record of this key about this tag. */
export function openMove(
  { key, reference }: { key: PublicKey; reference: string },
  envelope: FoundEnvelope,
  position: number,
): RecordedMove {
  const refuse = refuseHistory(reference, { number: position });
  const statement = readSigned(key, envelope, refuse);
  const { success, data, error } = moveSchema.safeParse(statement.predicate);
  if (statement.predicateType !== predicateTypes.move || !success) {
    throw refuse(`is of an unknown form (${error?.issues[0]?.message ?? statement.predicateType})`);
  }
  const isAbout = statement.subjects.some((one) => `sha256:${one.digest}` === data.to);
  if (!isAbout || data.by !== key.hint) throw refuse('contradicts its signature');
  if (data.reference !== reference) throw refuse(`is about ${data.reference}`);
  return { ...data, digest: statement.digest };
}

function readSigned(key: PublicKey, envelope: FoundEnvelope, refuse: ReturnType<typeof refuseHistory>) {
  try {
    return openSigned(key, envelope.read(), envelope.name);
  } catch (error) {
    if (!(error instanceof MillinerError)) throw error;
    const isOther = error.code === 'SIGNATURE_WRONG_KEY';
    throw refuse(isOther ? 'is signed with another key' : 'was altered', error);
  }
}

/** For an error about one record, by its number, or about the whole history. */
export function refuseHistory(reference: string, details: { number?: number; digest?: Digest } = {}) {
  const subject = details.number === undefined ? 'the history' : `record ${details.number}`;
  return (what: string, cause?: unknown) =>
    new MillinerError('HISTORY_ALTERED', `${subject} of ${reference} ${what}`, {
      cause,
      details: { reference, ...details },
    });
}
