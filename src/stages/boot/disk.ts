/**
 * Ends an instance that has used its whole disk: the kernel gives it no more, and its programs would wait for space.
 */
import type { Space } from '../snapshot/snapshotter.ts';

export interface DiskOptions {
  /** Space that is left of its limit. */
  space: () => Promise<Space>;
  /** Bytes that it may write. */
  maxBytes: number;
}

/** Description of the problem, if it wrote too much. */
export function diskProblem({ bytes, inodes }: Space, maxBytes: number): string | undefined {
  if (bytes <= 0) return `it wrote more than the ${maxBytes} bytes that it may`;
  return inodes <= 0 ? 'it made more files than it may' : undefined;
}
