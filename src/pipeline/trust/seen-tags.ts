/**
 * What this state has seen signed of tags and of images that were revoked. Whoever may push can take statements away
 * again, and put older ones in their place: what was seen once stays known.
 */
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { canonicalDigest, hexOf, isDigest, type Digest } from '../../lib/oci/digest.ts';

const tagSchema = z.object({ digest: z.custom<Digest>(isDigest), number: z.int().nonnegative() });
const revokedSchema = z.object({
  revocations: z.array(
    z.object({ verdicts: z.array(z.string()).optional(), reason: z.string(), time: z.int() }),
  ),
});

export type SeenTag = z.infer<typeof tagSchema>;
export type SeenRevocations = z.infer<typeof revokedSchema>;

/** A key's hint, and the reference with its tag, or the image's digest. */
interface Subject {
  key: string;
  of: string;
}

/** The state, where this account may look into it: to verify takes no rights, and remembers nothing without them. */
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
  return read(pathOf(state, 'tags', subject), tagSchema);
}

export function rememberTag(state: string, subject: Subject, seen: SeenTag): Promise<void> {
  return write(pathOf(state, 'tags', subject), { ...subject, ...seen });
}

export async function seenRevocations(
  state: string,
  subject: Subject,
): Promise<SeenRevocations['revocations']> {
  return (await read(pathOf(state, 'revoked', subject), revokedSchema))?.revocations ?? [];
}

export function rememberRevocations(
  state: string,
  subject: Subject,
  revocations: SeenRevocations['revocations'],
): Promise<void> {
  return write(pathOf(state, 'revoked', subject), { ...subject, revocations });
}

function pathOf(state: string, kind: 'tags' | 'revoked', subject: Subject): string {
  return join(state, 'statements', kind, `${hexOf(canonicalDigest(subject))}.json`);
}

/** A file that cannot be read is no file that is not there. Throws STATE_INVALID. */
async function read<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw invalid(path, error);
  });
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw invalid(path, cause);
  }
}

function invalid(path: string, cause: unknown): MillinerError {
  return new MillinerError('STATE_INVALID', `${path} does not tell what was seen of a tag or an image`, {
    cause,
    hint: 'Where nothing was tampered with, remove the file: what a registry says is believed then once more.',
    details: { path },
  });
}

async function write(path: string, content: object): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, `${JSON.stringify(content)}\n`);
}
