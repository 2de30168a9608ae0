/** Directories in which tests run sandboxes. */
import { rm } from 'node:fs/promises';
import { unmountAllBelow } from '../../src/lib/host/mounts.ts';

/** What a target lies on that nothing bounds: a test's own directory. */
export const unboundDisk = { maxBytes: 2 ** 40, isHosts: false, isFull: async () => false };

/** With the disk of /dev and /sys that a sandbox has there. */
export async function removeScratch(directory: string): Promise<void> {
  await unmountAllBelow(directory, { detach: true });
  await rm(directory, { recursive: true });
}
