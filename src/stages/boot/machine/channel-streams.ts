/** Streams of one channel, in which no side sends more than the other has room for. */
import { Readable, Writable } from 'node:stream';
import { FrameError, maxPayload, packed, windowBytes } from './frames.ts';
import type { Link } from './link.ts';

/** What arrives on a channel: its output, and its errors where it is a program. */
export class Arrivals {
  readonly #link: Link;
  readonly #channel: number;
  /** Bytes that the guest may still send. */
  #room = windowBytes;
  readonly output: ChannelReadable;
  readonly errors: ChannelReadable;

  constructor(link: Link, channel: number) {
    this.#link = link;
    this.#channel = channel;
    const onUsed = (bytes: number) => {
      this.#room += bytes;
      this.#link.send('C', this.#channel, packed(bytes));
    };
    this.output = new ChannelReadable(onUsed);
    this.errors = new ChannelReadable(onUsed);
  }

  /** Throws FrameError for more than there is room for. */
  take(type: string, payload: Buffer): void {
    this.#room -= payload.length;
    if (this.#room < 0) throw new FrameError(`more than ${windowBytes} bytes at once`);
    (type === 'O' ? this.output : this.errors).arrive(payload);
  }

  end(stream: 'O' | 'R' | 'both'): void {
    if (stream !== 'R') this.output.arrive(null);
    if (stream !== 'O') this.errors.arrive(null);
  }
}

class ChannelReadable extends Readable {
  readonly #onUsed: (bytes: number) => void;
  #unused = 0;
  #isOver = false;

  constructor(onUsed: (bytes: number) => void) {
    super({ highWaterMark: windowBytes });
    this.#onUsed = onUsed;
  }

  arrive(payload: Buffer | null): void {
    if (this.#isOver || this.destroyed) {
      if (payload) this.#onUsed(payload.length);
      return;
    }
    this.#isOver = payload === null;
    this.#unused += payload?.length ?? 0;
    // A chunk's own bytes, because it is a part of what arrived at once.
    this.push(payload && Buffer.from(payload));
  }

  override _read(): void {
    if (this.#unused === 0) return;
    const used = this.#unused;
    this.#unused = 0;
    this.#onUsed(used);
  }
}

/** What goes to the other end of a channel. */
export class ChannelWritable extends Writable {
  readonly #link: Link;
  readonly #channel: number;
  #room = windowBytes;
  #waiting: (() => void) | undefined;

  constructor(link: Link, channel: number) {
    super();
    this.#link = link;
    this.#channel = channel;
  }

  /** The other end has used bytes. Throws FrameError for more than it was sent. */
  credit(bytes: number): void {
    this.#room += bytes;
    if (this.#room > windowBytes) throw new FrameError('used more than it was sent');
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#pass(chunk, done);
  }

  #pass(chunk: Buffer, done: () => void): void {
    const size = Math.min(chunk.length, maxPayload, this.#room);
    if (size > 0) {
      this.#room -= size;
      this.#link.send('D', this.#channel, chunk.subarray(0, size));
    }
    if (size === chunk.length) done();
    else if (this.#room > 0) this.#pass(chunk.subarray(size), done);
    else this.#waiting = () => this.#pass(chunk.subarray(size), done);
  }

  override _final(done: () => void): void {
    this.#link.send('E', this.#channel);
    done();
  }
}
