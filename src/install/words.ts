/**
 * rpm's words, wherever they stand in what it and its scriptlets write: behind half a line, in the middle of one of a
 * million characters, after any number of others. rpm writes `warning: ` and what follows it in two pieces, between
 * which something else can come: the words are found without it.
 */
import { messages, type Message } from './messages.ts';

export interface Word {
  message: Message;
  /** Such as %post; for an owner `user` or `group`. */
  kind?: string;
  /** Of the package; for an owner the name. Only its beginning where `isCut`. */
  nevra?: string;
  isCut: boolean;
  words: string;
  /** The whole, as rpm wrote it. */
  text: string;
}

/** No message with its names is longer on either side of its anchor. */
const reach = 1024;
/** Of each message; what is more can change nothing: one is enough to end the build. */
const mostWords = 1000;

const sought = messages.filter((one) => one.pattern !== undefined);

export class WordScanner {
  #text = '';
  /** Anchors before this place have been looked at. */
  #done = 0;
  readonly #found = new Map<Message, Map<string, Word>>();

  push(chunk: Buffer): void {
    this.#text += chunk.toString('latin1');
    this.#scan(this.#text.length - reach);
    const keep = Math.max(0, this.#done - reach);
    this.#text = this.#text.slice(keep);
    this.#done -= keep;
  }

  /** What was found, in no order. */
  end(): Word[] {
    this.#scan(this.#text.length);
    return [...this.#found.values()].flatMap((words) => [...words.values()]);
  }

  #scan(limit: number): void {
    if (limit <= this.#done) return;
    for (const message of sought) {
      const anchor = message.anchor!;
      let at = this.#text.indexOf(anchor, this.#done);
      for (; at >= 0 && at < limit; at = this.#text.indexOf(anchor, at + 1)) this.#keep(message, at);
    }
    this.#done = limit;
  }

  #keep(message: Message, at: number): void {
    const found = this.#found.get(message) ?? new Map<string, Word>();
    this.#found.set(message, found);
    if (found.size >= mostWords) return;
    const start = Math.max(0, at - reach);
    const around = this.#text.slice(start, at + message.anchor!.length + reach);
    const match = new RegExp(message.pattern!, 'g');
    for (const one of around.matchAll(match)) {
      const covers = one.index <= at - start && one.index + one[0].length > at - start;
      if (!covers) continue;
      const { kind, nevra, cut, words = '', why } = one.groups ?? {};
      found.set(one[0], {
        message,
        ...(kind !== undefined && { kind: fromBytes(kind) }),
        ...(nevra !== undefined && { nevra: fromBytes(nevra) }),
        isCut: cut !== undefined,
        words: fromBytes(why === undefined ? words : `${words}: ${why}`).trim(),
        text: fromBytes(one[0]),
      });
    }
  }
}

function fromBytes(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}
