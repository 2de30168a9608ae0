/** Holds an instance to what it may write, which no control group does: its tree lies on the host's own disk. */
import { monotonic } from './clock.ts';
import type { Space, Usage } from '../snapshot/snapshot.ts';

/** Files in one instance. */
const mostInodes = 1_000_000;
/** Of what is free, an instance may have this much: the host needs the last of its disk itself. */
const mostOfFree = 0.9;
/** Milliseconds: others may free as much as it takes. */
const longestUncounted = 5000;

export interface DiskOptions {
  /** What is left where its tree is kept; quickly told. */
  space: () => Promise<Space>;
  /** What the instance has added to its tree, exactly; slow where it has many files. */
  diskUsage: () => Promise<Usage>;
}

export class DiskGuard {
  readonly #options: DiskOptions;
  readonly #before: Space;
  readonly #mostBytes: number;
  #counted = monotonic();

  private constructor(options: DiskOptions, before: Space, limit: number) {
    this.#options = options;
    this.#before = before;
    this.#mostBytes = Math.min(limit, Math.floor(before.bytes * mostOfFree));
  }

  /** To be made before the instance starts, which may fill a disk in no time; limit in bytes. */
  static async open(options: DiskOptions, limit: number): Promise<DiskGuard> {
    return new DiskGuard(options, await options.space(), limit);
  }

  /** What it has done where it has written too much. */
  async problem(): Promise<string | undefined> {
    const isDue = monotonic() - this.#counted > longestUncounted;
    if (!isDue && !(await this.#mayBeOver())) return undefined;
    this.#counted = monotonic();
    if (!(await this.#isOver())) return undefined;
    return `it wrote more than the ${this.#mostBytes} bytes, or ${mostInodes} files, that it may`;
  }

  /** Its files are counted at once when the file system has lost so much that it may have been this one. */
  async #mayBeOver(): Promise<boolean> {
    const now = await this.#options.space();
    const isLess = this.#before.bytes - now.bytes > this.#mostBytes / 2;
    return isLess || this.#before.inodes - now.inodes > mostInodes / 2;
  }

  async #isOver(): Promise<boolean> {
    try {
      const { bytes, inodes } = await this.#options.diskUsage();
      return bytes > this.#mostBytes || inodes > mostInodes;
    } catch (error) {
      // Directories in directories beyond what any path can name.
      if ((error as NodeJS.ErrnoException).code === 'ENAMETOOLONG') return true;
      throw error;
    }
  }
}
