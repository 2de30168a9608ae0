/**
 * The signed statements about tags and revoked images that this state has seen. An account that may push can delete
 * statements from a registry or restore older ones. So the newest ones seen are remembered here.
 */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalDigest, hexOf, isDigest, type Digest } from '../../lib/oci/digest.ts';
import { JsonStore } from '../state/json-store.ts';

const tagSchema = z.object({ digest: z.custom<Digest>(isDigest), number: z.int().nonnegative() });
const revokedSchema = z.object({
  revocations: z.array(
    z.object({ verdicts: z.array(z.string()).optional(), reason: z.string(), time: z.int() }),
  ),
});

export type SeenTag = z.infer<typeof tagSchema>;
export type SeenRevocations = z.infer<typeof revokedSchema>;

/** A key's hint, and either a reference with its tag or the digest of an image. */
interface Subject {
  key: string;
  of: string;
}

/**
 * The state directory, or undefined if this account may not read it: `verify` needs no rights, and remembers nothing
 * without them.
 */
export async function memoryIn(
  state: string | undefined,
  warn: (sentence: string) => void,
): Promise<string | undefined> {
  if (state === undefined) return undefined;
  try {
    await access(state, constants.R_OK | constants.X_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') return state;
    warn(`what was seen of tags before is not for this account to read: ${state}; name another with --state`);
    return undefined;
  }
  return state;
}

export function seenTag(state: string, subject: Subject): Promise<SeenTag | undefined> {
  return seenIn(state, 'tags', tagSchema).read(nameOf(subject));
}

export function rememberTag(state: string, subject: Subject, seen: SeenTag): Promise<void> {
  return seenIn(state, 'tags', tagSchema).write(nameOf(subject), { ...subject, ...seen });
}

/** The newest record of a tag's history that this state has seen: its number, and the digest of the record. */
export function seenMove(state: string, subject: Subject): Promise<SeenTag | undefined> {
  return seenIn(state, 'history', tagSchema).read(nameOf(subject));
}

export function rememberMove(state: string, subject: Subject, seen: SeenTag): Promise<void> {
  return seenIn(state, 'history', tagSchema).write(nameOf(subject), { ...subject, ...seen });
}

/** After its history was removed on purpose: else the next record of the tag would be refused as the first of a lost history. */
export function forgetMove(state: string, subject: Subject): Promise<void> {
  return seenIn(state, 'history', tagSchema).remove(nameOf(subject));
}

export async function seenRevocations(
  state: string,
  subject: Subject,
): Promise<SeenRevocations['revocations']> {
  return (await seenIn(state, 'revoked', revokedSchema).read(nameOf(subject)))?.revocations ?? [];
}

export function rememberRevocations(
  state: string,
  subject: Subject,
  revocations: SeenRevocations['revocations'],
): Promise<void> {
  return seenIn(state, 'revoked', revokedSchema).write(nameOf(subject), { ...subject, revocations });
}

const nameOf = (subject: Subject) => hexOf(canonicalDigest(subject));

function seenIn<T extends object>(state: string, kind: 'tags' | 'history' | 'revoked', schema: z.ZodType<T>) {
  return new JsonStore<T>(join(state, 'statements', kind), {
    what: 'what was seen of a tag or an image',
    schema,
    hint: 'If nobody has tampered with it, remove the file. Milliner then trusts once more what a registry says.',
  });
}
