/**
 * What one operation reads of a registry into memory, in answers whose size the registry alone decides: manifests, lists
 * of referrers and tags, tokens. Each has a bound of its own; how many there are, whoever may write there decides.
 * Blobs are not among them: whoever asks for one says how large it may be, and keeps count.
 */
import { MillinerError } from '../errors/error.ts';

/** Bytes: a hundred tags of an image whose manifest is as long as they get, written and read back. */
const defaultBudget = 1024 * 1024 * 1024;

export class ReadBudget {
  readonly #bytes: number;
  readonly #what: string;
  #left: number;

  /** `what` is read, for the error. */
  constructor(bytes = defaultBudget, what = 'one operation reads') {
    this.#bytes = bytes;
    this.#left = bytes;
    this.#what = what;
  }

  /** Throws REGISTRY_EXCESS. */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw excess(`${this.#what} more than ${this.#bytes} bytes`);
  }
}

/** Nothing is left out in silence: what was not looked at may be what was looked for. */
export function excess(what: string): MillinerError {
  return new MillinerError('REGISTRY_EXCESS', what);
}
