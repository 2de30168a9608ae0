/** Splits what a program writes into lines, however it writes: a line without end must not fill our memory. */
import { StringDecoder } from 'node:string_decoder';

const maxLineLength = 4096;

export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** Of longer lines their two ends come, 4096 characters in all. */
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

/** A program says at the end of a line what it has against the name in its middle, however long that is. */
function shortened(line: string): string {
  if (line.length <= maxLineLength) return line;
  const half = maxLineLength / 2;
  return `${line.slice(0, half)}…${line.slice(1 - half)}`;
}
