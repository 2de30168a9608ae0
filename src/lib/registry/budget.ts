/**
 * Bounds the memory that one operation uses for responses whose size the registry decides: manifests, lists of
 * referrers and tags, tokens. Each response has a bound of its own, but any user with push access decides how many
 * there are. Blobs do not count, because their callers state the size that they accept.
 */
import { MillinerError } from '../errors/error.ts';

/** Bytes: enough to write and read back a hundred tags of an image with the largest manifest. */
const defaultBudget = 1024 * 1024 * 1024;

export class ReadBudget {
  readonly #bytes: number;
  readonly #what: string;
  #left: number;

  /** @param what subject of the error message */
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

/** An error, not a shortened list: the entry that is looked for could be in the rest. */
export function excess(what: string): MillinerError {
  return new MillinerError('REGISTRY_EXCESS', what);
}
