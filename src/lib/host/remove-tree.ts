/** Removing trees that packages filled. */
import { run } from './exec.ts';

/**
 * Removes a directory and all below it, or nothing where there is none; never what another mount shows there.
 * rm(1) goes down step by step, where node:fs names each file by its whole path: a scriptlet can make a tree whose
 * paths are longer than the kernel takes (PATH_MAX), which would then stand in the way for ever.
 */
export async function removeTree(directory: string): Promise<void> {
  await run('rm', ['-rf', '--one-file-system', '--', directory]);
}
