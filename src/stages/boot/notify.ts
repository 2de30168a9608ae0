/**
 * The receiving end of sd_notify(3): messages about their state from a service, or from systemd as the first process.
 */
import { close } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../../lib/host/native.ts';
import { monotonic } from './clock.ts';

const pollMilliseconds = 50;
export const notifySocket = 'notify';

/**
 * Any program of the instance can write here, so only READY= and STATUS= are used, and they only affect this instance.
 */
export class Notifications {
  readonly #fd: number;
  readonly #poll: Promise<void>;
  #closed = false;
  /** Milliseconds of the monotonic clock of the first READY=1. */
  readyAt: number | undefined;
  /** The latest STATUS=, for a person to read. */
  status = '';

  private constructor(fd: number) {
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
      if (message) this.#take(message.toString('utf8'));
      else await sleep(pollMilliseconds);
    }
  }

  #take(message: string): void {
    for (const line of message.split('\n')) {
      if (line === 'READY=1') this.readyAt ??= monotonic();
      if (line.startsWith('STATUS=')) this.status = line.slice('STATUS='.length, 200);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#poll;
    await new Promise<void>((done) => close(this.#fd, () => done()));
  }
}
