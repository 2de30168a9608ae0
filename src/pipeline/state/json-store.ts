/**
 * A directory of JSON files in the state, each written atomically. A missing file, or one of another version, is read
 * as undefined, and its content is made again. A damaged file is an error: reading it as missing could, for example,
 * lose a revocation.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { fileNameOf } from './file-name.ts';
import { readdirIfThere, readTextIfThere, statIfThere } from '../../lib/host/files.ts';

/** Bytes of a file. The largest record lists a million paths. */
const maxBytes = 256 * 1024 * 1024;
const ending = '.json';
const versioned = z.looseObject({ version: z.unknown() });

const fileOf = (name: string) => `${fileNameOf(name)}${ending}`;

export interface StoreOptions<T> {
  /** What a file contains, for error messages. */
  what: string;
  schema: z.ZodType<T>;
  /** Version of the files; absent if there is only one form of them. */
  version?: number;
  hint?: string;
  /** The files only save work: a damaged one counts as missing, and none is synced. */
  isCache?: boolean;
}

export class JsonStore<T extends object> {
  readonly #directory: string;
  readonly #options: StoreOptions<T>;

  constructor(directory: string, options: StoreOptions<T>) {
    this.#directory = directory;
    this.#options = options;
  }

  path(name: string): string {
    return join(this.#directory, fileOf(name));
  }

  /** Throws STATE_INVALID. */
  async read(name: string): Promise<T | undefined> {
    const path = this.path(name);
    try {
      const size = (await statIfThere(path))?.size ?? 0;
      if (size > maxBytes) throw new Error(`${path} has ${size} bytes`);
      const text = await readTextIfThere(path);
      return text === undefined ? undefined : this.#parse(JSON.parse(text));
    } catch (cause) {
      const { what, hint, isCache } = this.#options;
      if (isCache === true) return undefined;
      throw new MillinerError('STATE_INVALID', `${path} cannot be read as ${what}`, {
        cause,
        ...(hint !== undefined && { hint }),
        details: { path },
      });
    }
  }

  #parse(value: unknown): T | undefined {
    const { schema, version } = this.#options;
    if (version !== undefined && versioned.parse(value).version !== version) return undefined;
    return schema.parse(value);
  }

  /** Throws DISK_FULL. */
  async write(name: string, value: T): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const isDurable = this.#options.isCache !== true;
    await writeFileAtomic(this.path(name), `${JSON.stringify(value, null, 1)}\n`, { isDurable });
  }

  /** The names of all files; none if the directory does not exist. Throws STATE_INVALID. */
  async names(): Promise<string[]> {
    const files = await readdir(this.#directory).catch((cause: NodeJS.ErrnoException): string[] => {
      if (cause.code === 'ENOENT') return [];
      throw new MillinerError('STATE_INVALID', `${this.#directory} cannot be read: ${cause.code}`, { cause });
    });
    const found = files.filter((file) => file.endsWith(ending));
    return found.map((file) => decodeURIComponent(file.slice(0, -ending.length))).toSorted();
  }

  /** All files that can be read, by name. Throws STATE_INVALID. */
  async list(): Promise<T[]> {
    return Array.fromAsync(this.each());
  }

  /** As list, one at a time: a thousand records with all their paths do not fit into memory. */
  async *each(): AsyncGenerator<T> {
    for (const name of await this.names()) {
      const value = await this.read(name);
      if (value) yield value;
    }
  }

  async remove(name: string): Promise<void> {
    await rm(this.path(name), { force: true });
  }

  /** Removes all other files, including leftovers of killed writers. */
  async removeOthers(names: Iterable<string>): Promise<void> {
    const files = new Set([...names].map(fileOf));
    for (const file of (await readdirIfThere(this.#directory)) ?? []) {
      if (!files.has(file)) await rm(join(this.#directory, file), { force: true });
    }
  }
}
