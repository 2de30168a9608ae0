/** Who owns which unfinished snapshot: each process has one locked file, which the kernel unlocks when it dies. */
import { mkdir, readdir, rm, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createOwned, takeAbandoned } from '../../lib/host/locks.ts';

export class Owners {
  readonly #directory: string;
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(directory: string, own: { path: string; handle: FileHandle }) {
    this.#directory = directory;
    this.#path = own.path;
    this.#handle = own.handle;
  }

  static async open(directory: string): Promise<Owners> {
    await mkdir(directory, { recursive: true });
    return new Owners(directory, await createOwned(directory));
  }

  /** The name under which this process owns. */
  get own(): string {
    return basename(this.#path);
  }

  /** Calls undo with each owner that has died, then forgets it; two processes never undo the same one at once. */
  async clearDead(undo: (owner: string) => Promise<void>): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      await takeAbandoned(join(this.#directory, name), () => undo(name));
    }
  }

  /** Everyone who lives, or died and has not been cleared. */
  async list(): Promise<Set<string>> {
    return new Set(await readdir(this.#directory));
  }

  async close(): Promise<void> {
    await rm(this.#path, { force: true });
    await this.#handle.close();
  }
}
