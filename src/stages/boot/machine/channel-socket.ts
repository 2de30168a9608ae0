/** A connection to a port of a machine's image, through its agent. */
import { getSystemErrorName } from 'node:util';
import { Duplex } from 'node:stream';
import { addressBytes } from '../address-bytes.ts';
import { Arrivals, ChannelWritable } from './channel-streams.ts';
import { packed, type Frame } from './frames.ts';
import type { Link } from './link.ts';

export class ChannelSocket extends Duplex {
  readonly #link: Link;
  readonly #channel: number;
  readonly #arrivals: Arrivals;
  readonly #sending: ChannelWritable;

  private constructor(link: Link, channel: number, arrivals: Arrivals, sending: ChannelWritable) {
    super({ allowHalfOpen: true });
    [this.#link, this.#channel, this.#arrivals, this.#sending] = [link, channel, arrivals, sending];
    arrivals.output.on('end', () => this.push(null));
    arrivals.output.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) arrivals.output.pause();
    });
    void link.closed.then(() => this.destroy());
  }

  /** A connected socket, otherwise the reason why there is none. */
  static connect(
    link: Link,
    address: string,
    port: number,
    timeout: number,
  ): Promise<ChannelSocket | string> {
    const { promise, resolve } = Promise.withResolvers<ChannelSocket | string>();
    const channel = link.open(take);
    const arrivals = new Arrivals(link, channel);
    const sending = new ChannelWritable(link, channel);
    const refuse = (reason: string) => {
      clearTimeout(timer);
      link.close(channel);
      resolve(reason);
    };
    const timer = setTimeout(() => refuse('no connection in time'), Math.max(1, timeout));
    void link.closed.then(() => refuse('the machine has ended'));
    function take({ type, payload }: Frame): void {
      if (type === 'O') arrivals.take(type, payload);
      if (type === 'E') arrivals.end('O');
      if (type === 'C') sending.credit(payload.readUInt32LE());
      if (type === 'F') refuse(payload.toString('utf8'));
      if (type !== 'T') return;
      const errno = payload.readUInt32LE();
      if (errno !== 0) return refuse(errno < 4096 ? getSystemErrorName(-errno) : 'no connection');
      clearTimeout(timer);
      resolve(new ChannelSocket(link, channel, arrivals, sending));
    }
    link.send('T', channel, Buffer.concat([packed(port).subarray(0, 2), addressBytes(address)]));
    return promise;
  }

  /** As net.Socket's: ends once all is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  override _read(): void {
    this.#arrivals.output.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#sending.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#sending.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#link.close(this.#channel);
    this.#sending.destroy();
    done(error);
  }
}
