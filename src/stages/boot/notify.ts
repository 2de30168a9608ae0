/**
 * The receiving end of sd_notify(3): messages about their state from a service, or from systemd as the first process.
 */
import { close } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../../lib/host/native.ts';
import { monotonic } from './clock.ts';
import type { Notified } from './instance.ts';

const pollMilliseconds = 50;
export const notifySocket = 'notify';

/**
 * Any program of the instance can write here, so only READY= and STATUS= are used, and they only affect this instance.
 */
export class Heard implements Notified {
  readyAt: number | undefined;
  status = '';

  take(message: Buffer): void {
    for (const line of message.toString('utf8').split('\n')) {
      if (line === 'READY=1') this.readyAt ??= monotonic();
      if (line.startsWith('STATUS=')) this.status = line.slice('STATUS='.length, 200);
    }
  }
}

/** What arrives at a socket of the host. */
export class Notifications extends Heard {
  readonly #fd: number;
  readonly #poll: Promise<void>;
  #closed = false;

  private constructor(fd: number) {
    super();
    this.#fd = fd;
    this.#poll = this.#receive();
  }

  /** Binds the socket `notify` in the directory. */
  static async open(directory: string): Promise<Notifications> {
    return new Notifications(await native().bindDatagram(directory, notifySocket));
  }

  /** Reads all messages continuously, because a sender of a barrier waits until it is read. */
  async #receive(): Promise<void> {
    while (!this.#closed) {
      const message = await native().receiveDatagram(this.#fd);
      if (message) this.take(message);
      else await sleep(pollMilliseconds);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#poll;
    await new Promise<void>((done) => close(this.#fd, () => done()));
  }
}
