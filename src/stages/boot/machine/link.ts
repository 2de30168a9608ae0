/** A connection that carries frames: to the agent of a machine, or to the process that supervises the machine. */
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { encodeFrame, FrameReader, type Frame } from './frames.ts';

type Sink = (frame: Frame) => void;
const nothing = Buffer.alloc(0);

export class Link {
  readonly #stream: Duplex;
  readonly #sinks = new Map<number, Sink>();
  #next = 1;
  /** Resolves when nothing more will come, with the reason if it is one. */
  readonly closed: Promise<Error | undefined>;

  /** @param onFrame gets what belongs to no open channel */
  constructor(stream: Duplex, onFrame: Sink, reader = new FrameReader()) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) (this.#sinks.get(frame.channel) ?? onFrame)(frame);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
    this.closed = new Promise((done) => {
      let reason: Error | undefined;
      stream.on('error', (error) => (reason = error));
      stream.on('close', () => done(reason));
      stream.on('end', () => stream.destroy());
    });
  }

  send(type: string, channel: number, payload: Buffer = nothing): void {
    if (!this.#stream.destroyed) this.#stream.write(encodeFrame({ type, channel, payload }));
  }

  /** A new channel. */
  open(sink: Sink): number {
    const channel = this.#next++;
    this.#sinks.set(channel, sink);
    return channel;
  }

  /** The agent ends what is still at the other end of it. */
  close(channel: number): void {
    if (this.#sinks.delete(channel)) this.send('Q', channel);
  }

  listen(channel: number, sink: Sink): void {
    this.#sinks.set(channel, sink);
  }

  /** Resolves when all has been written. */
  async end(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream).catch(() => undefined);
  }

  destroy(): void {
    this.#stream.destroy();
  }
}
