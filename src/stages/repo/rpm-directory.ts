/** A directory of .rpm files without metadata. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { isBeneath, placeBeneath } from '../../lib/host/beneath.ts';

const maxFiles = 200_000;

/**
 * Every .rpm file at any depth, sorted. Links to files are followed, links to directories are not. Links must not leave
 * the root, if there is one. Throws REPO_INVALID, REPO_UNAVAILABLE, FILE_OUTSIDE.
 */
export async function listPackages(
  directory: string,
  repository: string,
  root: string | undefined,
): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.name.endsWith('.rpm')) continue;
    const path = join(entry.parentPath, entry.name);
    if (root !== undefined && entry.isSymbolicLink() && isBeneath(root, path)) await placeBeneath(root, path);
    if (entry.isFile() || (entry.isSymbolicLink() && (await stat(path)).isFile())) files.push(path);
    if (files.length > maxFiles) {
      throw new MillinerError('REPO_INVALID', `repository ${repository} has more than ${maxFiles} packages`, {
        hint: 'Make metadata for it with createrepo_c DIRECTORY.',
      });
    }
  }
  if (files.length === 0) {
    const message = `repository ${repository}: ${directory} has neither repodata/ nor .rpm files`;
    throw new MillinerError('REPO_UNAVAILABLE', message);
  }
  return files.toSorted();
}
