/**
 * A bound on what a Redis answers: whoever can write to it must not be able to fill the memory of all who read. Counts
 * along in the protocol's framing (RESP2: https://redis.io/docs/latest/develop/reference/protocol-spec/), and keeps
 * nothing of it.
 */

/** Bytes of one answer, of which nothing that Milliner asks for takes a tenth. */
export const largestAnswer = 64 * 1024 * 1024;
/** Bytes of a line: a number, a status or the words of an error. */
const longestLine = 64 * 1024;

const lf = 0x0a;

export class AnswerMeter {
  /** Values that are still to come of the answer that has begun. */
  #open = 0;
  #bytes = 0;
  #line = '';
  /** Bytes of a string, with its line's end, that need no look. */
  #skip = 0;

  /** Whether what has come is still within the bound. */
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
      if (this.#line.length > longestLine) return false;
      if (end === -1) return true;
      at = end + 1;
      const line = this.#line;
      this.#line = '';
      if (!this.#header(line)) return false;
    }
    return true;
  }

  /** One line without its end, which says what comes. */
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
    // Each value takes a line at least.
    return this.#bytes + this.#open <= largestAnswer;
  }

  #close(): void {
    this.#open -= 1;
  }
}
