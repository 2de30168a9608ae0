/** How many bytes packages and their scriptlets may add to a base, where the recipe does not say. */
import type { RpmFile } from '../../lib/rpm/file-list.ts';

/** For rpm's database and what scriptlets make: caches, an initramfs, a policy. */
const extraBytes = 1024 ** 3;
/** More than any package set here has taken; a recipe may ask for more. */
const maxBytes = 16 * extraBytes;
const blockBytes = 4096;

/**
 * Twice what the files take, because a file that is replaced, or changed by a scriptlet, is there twice for a while.
 * The disk is allocated at once: a bound far above the need would take the space of other builds.
 */
export function defaultDiskBytes(packages: readonly { files: readonly Pick<RpmFile, 'size'>[] }[]): number {
  const files = packages.flatMap((one) => one.files);
  // A block more for each file's inode and directory entry.
  const taken = files.reduce((sum, { size }) => sum + (Math.ceil(size / blockBytes) + 1) * blockBytes, 0);
  return Math.min(2 * taken + extraBytes, maxBytes);
}
