/** The token that lets its holder change something. */
import { randomBytes } from 'node:crypto';
import { constants, fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';

/** Characters: as many as 24 random bytes have in base64. */
const minLength = 32;
const tokenSchema = z
  .string()
  .min(minLength)
  .max(256)
  .regex(/^[\w.~+/=-]+$/);

export function makeToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Throws TOKEN_FILE_INVALID, where other users can read the file too. */
export async function readToken(path: string): Promise<string> {
  const invalid = (what: string, cause?: unknown) =>
    new MillinerError('TOKEN_FILE_INVALID', `${path} ${what}`, { cause, details: { path } });
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (cause: NodeJS.ErrnoException) => {
      throw invalid(`cannot be read: ${cause.code}`, cause);
    },
  );
  try {
    const { mode, uid, size } = fstatSync(handle.fd);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > 4096) throw invalid('is not a small file');
    if ((mode & 0o077) !== 0) throw invalid('can be read or written by other users');
    if (uid !== 0 && uid !== process.geteuid?.()) throw invalid(`belongs to the user ${uid}`);
    const token = tokenSchema.safeParse((await handle.readFile('utf8')).trim());
    if (token.success) return token.data;
    throw invalid(`holds no token of at least ${minLength} characters`);
  } finally {
    await handle.close();
  }
}
