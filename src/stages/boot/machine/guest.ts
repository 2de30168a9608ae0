/** What the host knows of a running guest, and how it speaks with its agent. */
import { MillinerError } from '../../../lib/errors/error.ts';
import { monotonic } from '../clock.ts';
import type { Limits } from '../limit-resources.ts';
import { StartError } from '../instance.ts';
import { Heard } from '../notify.ts';
import { Arrivals } from './channel-streams.ts';
import { maxPayload, packed, type Frame } from './frames.ts';
import { parseClock, parseState, unknownState, type GuestState } from './guest-state.ts';
import { Link } from './link.ts';
import type { Qemu } from './qemu.ts';

/** Channel of the image's first process. */
const first = 0;
/** Milliseconds for the guest's kernel to start our agent, emulated on a busy host. */
const bootTimeout = 180_000;
/** Milliseconds for an answer about counters; the last one counts where there is none. */
const stateTimeout = 2000;

export class Guest {
  readonly link: Link;
  readonly output: Arrivals;
  readonly notifications = new Heard();
  /** Exit code of the first process; undefined where the machine ended before. */
  readonly ended: Promise<number | undefined>;
  readonly #qemu: Qemu;
  readonly #limits: Limits;
  readonly #ended = Promise.withResolvers<number | undefined>();
  readonly #hello = Promise.withResolvers<void>();
  readonly #started = Promise.withResolvers<void>();
  #asked: { answered: Promise<void>; answer: () => void } | undefined;
  state: GuestState;
  /** Release of its kernel. */
  kernel = '';
  clockAhead = 0;
  startedAt = 0;

  constructor(qemu: Qemu, limits: Limits) {
    this.#qemu = qemu;
    this.#limits = limits;
    this.state = unknownState(limits);
    this.link = new Link(qemu.port, () => undefined);
    this.output = new Arrivals(this.link, first);
    this.link.listen(first, (frame) => this.#take(frame));
    this.ended = this.#ended.promise;
    // What the guest sends may be no frames at all; then it is of no use any more.
    void this.link.closed.then(qemu.kill);
    void qemu.ended.then(() => this.#over());
    for (const promise of [this.#hello.promise, this.#started.promise]) promise.catch(() => undefined);
  }

  /** Waits for the agent, then has it start the program. Throws StartError, MACHINE_FAILED. */
  async start(settings: Buffer): Promise<void> {
    const timer = setTimeout(
      () => this.#hello.reject(this.#failed('its kernel has not come up')),
      bootTimeout,
    );
    await this.#hello.promise.finally(() => clearTimeout(timer));
    for (let at = 0; at < settings.length; at += maxPayload) {
      this.link.send('S', first, settings.subarray(at, at + maxPayload));
    }
    this.link.send('B', first);
    await this.#started.promise;
  }

  /** Reads the counters again. */
  async look(): Promise<GuestState> {
    if (!this.#asked) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, stateTimeout);
      const answered = promise.finally(() => {
        clearTimeout(timer);
        this.#asked = undefined;
      });
      this.#asked = { answered, answer: resolve };
      this.link.send('P', first);
    }
    await this.#asked.answered;
    return this.state;
  }

  signal(number: number): void {
    this.link.send('K', first, packed(number));
  }

  #take({ type, payload }: Frame): void {
    if (type === 'O' || type === 'R') this.output.take(type, payload);
    if (type === 'E') this.output.end(payload.toString('latin1') === 'O' ? 'O' : 'R');
    if (type === 'N') this.notifications.take(payload);
    if (type === 'P') this.#takeState(payload);
    if (type === 'H') this.#greet(payload);
    if (type === 'G') {
      this.startedAt = Math.min(parseClock(payload) + this.clockAhead, monotonic());
      this.#started.resolve();
    }
    if (type === 'F') this.#started.reject(new StartError(payload.toString('utf8')));
    if (type === 'M') this.#started.reject(this.#failed(payload.toString('utf8')));
    if (type === 'X') this.#ended.resolve(payload.readUInt32LE());
  }

  #greet(payload: Buffer): void {
    this.clockAhead = monotonic() - parseClock(payload);
    this.kernel = payload.toString('latin1', 8);
    this.#hello.resolve();
  }

  #takeState(payload: Buffer): void {
    this.state = parseState(payload, this.#limits);
    this.#asked?.answer();
  }

  #over(): void {
    this.link.destroy();
    this.output.end('both');
    this.#asked?.answer();
    this.#hello.reject(this.#failed('QEMU has ended'));
    this.#started.reject(this.#failed('it has ended'));
    this.#ended.resolve(undefined);
  }

  #failed(reason: string): MillinerError {
    const words = this.#qemu.console().trim().split('\n').slice(-20).join('\n');
    return new MillinerError(
      'MACHINE_FAILED',
      `the virtual machine failed: ${reason}${words && `\n${words}`}`,
    );
  }
}
