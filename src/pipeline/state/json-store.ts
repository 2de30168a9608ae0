/** Files of JSON in the state directory. */
import { readFile } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';

/** Undefined where there is none, or one of another form. Throws STATE_INVALID. */
export async function readStored<T extends { version: number }>(
  path: string,
  version: number,
): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const stored = JSON.parse(text) as T;
    return stored.version === version ? stored : undefined;
  } catch (cause) {
    throw new MillinerError('STATE_INVALID', `${path} is not JSON`, { cause });
  }
}
