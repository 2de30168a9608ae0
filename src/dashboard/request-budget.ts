/** How many requests an address may make: so many at once, and so many in each second after that (a token bucket). */

interface Bucket {
  left: number;
  at: number;
}

/** Addresses that are remembered. Beyond them the one that asked longest ago is forgotten. */
const maxAddresses = 1000;

export class RequestBudget {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(burst: number, perSecond: number, now: () => number = () => performance.now()) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Whether one more request is within the budget of the address. */
  take(address: string): boolean {
    const now = this.#now();
    const { left, at } = this.#buckets.get(address) ?? { left: this.#burst, at: now };
    const refilled = Math.min(this.#burst, left + ((now - at) / 1000) * this.#perSecond);
    const isWithin = refilled >= 1;
    // Set anew, the address is the last of the map.
    this.#buckets.delete(address);
    this.#buckets.set(address, { left: isWithin ? refilled - 1 : refilled, at: now });
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > maxAddresses) this.#buckets.delete(oldest!);
    return isWithin;
  }
}
