/** Owners of unfinished snapshots: each process has one locked file, which the kernel unlocks when the process dies. */
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

  /** The name under which this process owns snapshots. */
  get own(): string {
    return basename(this.#path);
  }

  /** Calls undo for each dead owner, then removes it; two processes never undo the same owner at once. */
  async clearDead(undo: (owner: string) => Promise<void>): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      await takeAbandoned(join(this.#directory, name), () => undo(name));
    }
  }

  /** Owners that live, and dead ones that are not cleared. */
  async list(): Promise<Set<string>> {
    return new Set(await readdir(this.#directory));
  }

  async close(): Promise<void> {
    await rm(this.#path, { force: true });
    await this.#handle.close();
  }
}
