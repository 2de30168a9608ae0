/** The files that are damaged, as they are before. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of one directory, each read once. */
export class Originals {
  readonly directory: string;
  readonly #read = new Map<string, Buffer>();

  constructor(directory: string) {
    this.directory = directory;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  bytes(name: string): Buffer {
    const bytes = this.#read.get(name) ?? readFileSync(this.path(name));
    this.#read.set(name, bytes);
    return bytes;
  }

  text(name: string): string {
    return this.bytes(name).toString();
  }
}
