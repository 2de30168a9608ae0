/** Files that readers see whole or not at all. */
import { rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { asStorageError, syncPath } from './files.ts';
import { openTemporary } from './locks.ts';

interface ReplaceOptions {
  /** Whether it outlives a loss of power; default true. */
  isDurable?: boolean;
}

export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options?: ReplaceOptions,
): Promise<void> {
  await replaceFile(path, (handle) => handle.writeFile(data), options);
}

/**
 * Fills a temporary file beside the target, syncs it, renames it over the target and syncs the directory. A writer that
 * is killed leaves its temporary file, which the next writer takes over. Throws DISK_FULL.
 */
export async function replaceFile(
  path: string,
  fill: (handle: FileHandle, temporary: string) => Promise<void>,
  { isDurable = true }: ReplaceOptions = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  try {
    const handle = await openTemporary(temporary, 0o644);
    try {
      await fill(handle, temporary);
      if (isDurable) await handle.sync();
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    if (isDurable) await syncPath(dirname(path));
  } catch (error) {
    throw asStorageError(error, path);
  }
}
