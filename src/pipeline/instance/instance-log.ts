/** The output of an instance, bounded: a service in a loop must not fill the state directory. */
import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of one file. One older file is kept besides. */
const maxBytes = 16 * 1024 * 1024;

const paths = (directory: string) => ({
  current: join(directory, 'log'),
  before: join(directory, 'log.1'),
});

export class InstanceLog {
  readonly #directory: string;
  #fd: number;
  #written = 0;

  constructor(directory: string) {
    this.#directory = directory;
    this.#fd = this.#open();
  }

  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`, 'utf8');
    try {
      writeSync(this.#fd, bytes);
    } catch (error) {
      // A full disk costs the log, not the instance.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
    this.#written += bytes.length;
    if (this.#written < maxBytes) return;
    const { current, before } = paths(this.#directory);
    this.close();
    renameSync(current, before);
    this.#fd = this.#open();
    this.#written = 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #open(): number {
    return openSync(paths(this.#directory).current, 'w', 0o600);
  }
}

/** The stored output of an instance, oldest first. */
export function readInstanceLog(directory: string): string {
  const { current, before } = paths(directory);
  return [before, current].map(readIfThere).join('');
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
