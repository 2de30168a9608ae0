/**
 * A bound on the size of a Redis answer. A client or attacker that writes a huge value into the queue could otherwise
 * fill the memory of every process that reads it. The meter follows the framing of the protocol (RESP2:
 * https://redis.io/docs/latest/develop/reference/protocol-spec/) and stores none of the data.
 */

/** Bytes of one answer. Milliner asks for nothing that takes a tenth of it. */
export const maxAnswerBytes = 64 * 1024 * 1024;
/** Bytes of a line, which holds a number, a status or the text of an error. */
const maxLineLength = 64 * 1024;

const lf = 0x0a;

export class AnswerMeter {
  /** Values of the current answer that have not arrived yet. */
  #open = 0;
  #bytes = 0;
  #line = '';
  /** Bytes of a string value, with its line end, that need no parsing. */
  #skip = 0;

  /** Whether the data received so far is within the bound. */
  take(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length;) {
      if (this.#skip > 0) {
        const part = Math.min(this.#skip, chunk.length - at);
        this.#skip -= part;
        at += part;
        if (this.#skip === 0) this.#close();
        continue;
      }
      const end = chunk.indexOf(lf, at);
      this.#line += chunk.toString('latin1', at, end === -1 ? undefined : end);
      if (this.#line.length > maxLineLength) return false;
      if (end === -1) return true;
      at = end + 1;
      const line = this.#line;
      this.#line = '';
      if (!this.#header(line)) return false;
    }
    return true;
  }

  /** A line without its line feed: the type and size of the value that follows. */
  #header(line: string): boolean {
    if (this.#open === 0) [this.#open, this.#bytes] = [1, 0];
    this.#bytes += line.length + 1;
    const count = /^[$*](\d+)\r$/.exec(line)?.[1];
    if (count === undefined) this.#close();
    else if (line.startsWith('$')) {
      this.#skip = Number(count) + 2;
      this.#bytes += this.#skip;
    } else {
      this.#open += Number(count);
      this.#close();
    }
    // Each value takes at least one line.
    return this.#bytes + this.#open <= maxAnswerBytes;
  }

  #close(): void {
    this.#open -= 1;
  }
}
