/** Reads and rewrites policy files, which may have settings of others, with one error for a failure. */
import { readFile } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { replaceFile } from '../../lib/host/atomic-file.ts';
import { statIfThere, withoutLinks } from '../../lib/host/files.ts';

/** Rewrites the target of a link in place of the link. The file keeps its mode, whatever the umask is. */
export async function rewrite(path: string, make: () => string | Promise<string>): Promise<void> {
  const target = withoutLinks(path);
  const mode = (await statIfThere(target).catch(unwritable(path)))?.mode ?? 0o644;
  await replaceFile(target, async (handle) => {
    await handle.writeFile(await make());
    await handle.chmod(mode & 0o777);
  }).catch(unwritable(path));
}

export function unwritable(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error instanceof MillinerError || error.code === undefined) throw error;
    throw invalid(path, `cannot be written: ${error.code}`, error);
  };
}

export async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw invalid(path, `cannot be read: ${error.code}`, error);
  });
}

export function invalid(path: string, what: string, cause?: unknown): MillinerError {
  return new MillinerError('POLICY_INVALID', `${path} ${what}`, { cause, details: { path } });
}
