/** Splits a program's output into lines, in bounded memory: a program may write a line that never ends. */
import { StringDecoder } from 'node:string_decoder';

const maxLineLength = 4096;

export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** A line above 4096 characters is shortened to its two ends, 4096 characters in all. */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = shortened(lines.pop() ?? '');
    for (const line of lines) this.#onLine(shortened(line));
  }

  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (rest !== '') this.#onLine(rest);
  }
}

/** The end stays too, because programs write the reason of an error behind the name, however long that name is. */
function shortened(line: string): string {
  if (line.length <= maxLineLength) return line;
  const half = maxLineLength / 2;
  return `${line.slice(0, half)}…${line.slice(1 - half)}`;
}
