/** Sessions of those who gave the token, in memory alone: a restart ends all of them. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Milliseconds. */
const lifetime = 8 * 3600_000;
/** Beyond them the oldest one ends. */
const maxSessions = 100;

const digestOf = (text: string) => createHash('sha256').update(text).digest();

export class Sessions {
  readonly #token: Buffer;
  readonly #now: () => number;
  /** Digest of each id to the time that it ends. The digest keeps the comparison from telling parts of an id. */
  readonly #ends = new Map<string, number>();

  constructor(token: string, now: () => number = Date.now) {
    this.#token = digestOf(token);
    this.#now = now;
  }

  /**
   * The id of a new session; undefined for another token. An id that the browser has sent is never taken over: a
   * stranger could have put it there (session fixation).
   */
  open(token: string): string | undefined {
    if (!timingSafeEqual(digestOf(token), this.#token)) return undefined;
    const id = randomBytes(32).toString('base64url');
    const [oldest] = this.#ends.keys();
    if (this.#ends.size >= maxSessions) this.#ends.delete(oldest!);
    this.#ends.set(keyOf(id), this.#now() + lifetime);
    return id;
  }

  has(id: string | undefined): boolean {
    if (id === undefined) return false;
    const end = this.#ends.get(keyOf(id));
    if (end !== undefined && end > this.#now()) return true;
    this.#ends.delete(keyOf(id));
    return false;
  }

  close(id: string): void {
    this.#ends.delete(keyOf(id));
  }
}

const keyOf = (id: string) => digestOf(id).toString('base64');
