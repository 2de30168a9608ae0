/** Ends an instance that has taken all that it may write: the kernel gives it no more, and its image would wait for it. */
import type { Space } from '../snapshot/snapshotter.ts';

export interface DiskOptions {
  /** What is left of what it may write. */
  space: () => Promise<Space>;
  /** Bytes that it may write. */
  maxBytes: number;
}

/** What it has done where it has written too much. */
export async function diskProblem({ space, maxBytes }: DiskOptions): Promise<string | undefined> {
  const { bytes, inodes } = await space();
  if (bytes <= 0) return `it wrote more than the ${maxBytes} bytes that it may`;
  return inodes <= 0 ? 'it made more files than it may' : undefined;
}
