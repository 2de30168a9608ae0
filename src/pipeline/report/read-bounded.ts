/** Reads a small file that the operator names; one that is too large or not there is an error of the given code. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';

export async function readBounded(path: string, maxBytes: number, code: ErrorCode): Promise<string> {
  // A pipe without a writer would block the open forever.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((cause: NodeJS.ErrnoException) => {
    throw new MillinerError(code, `${path} cannot be read: ${cause.code}`, { cause });
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new MillinerError(code, `${path} is not a file`);
    if (stats.size > maxBytes) throw new MillinerError(code, `${path} has more than ${maxBytes} bytes`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
