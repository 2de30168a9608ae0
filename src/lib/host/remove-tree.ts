/** Removing trees that packages filled. */
import { run } from './exec.ts';

/**
 * Removes a directory and everything below it, without crossing mounts; a missing one is no error. node:fs names each
 * file by its whole path, and a scriptlet can make paths longer than the kernel accepts (PATH_MAX). rm(1) descends one
 * directory at a time, so it removes those too.
 */
export async function removeTree(directory: string): Promise<void> {
  await run('rm', ['-rf', '--one-file-system', '--', directory]);
}
