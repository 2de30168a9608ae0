/** Limits the bandwidth of several streams together: a token bucket. */
import { Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Seconds of the rate that may pass at once. */
const burst = 0.1;

export class Throttle {
  readonly #rate: number;
  #free = performance.now();

  /** Bytes per second. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  /** A stream that passes data at the shared rate. */
  stream(): Transform {
    return new Transform({
      allowHalfOpen: true,
      transform: (chunk: Buffer, _encoding, done) => {
        void this.#wait(chunk.length).then(() => done(null, chunk));
      },
    });
  }

  /** The next stream waits for the data that passed before. */
  async #wait(bytes: number): Promise<void> {
    const now = performance.now();
    const start = Math.max(this.#free, now - burst * 1000);
    this.#free = start + (bytes / this.#rate) * 1000;
    if (start > now) await sleep(start - now);
  }
}
