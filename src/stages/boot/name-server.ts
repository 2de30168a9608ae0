/**
 * The name server of a private network: it knows the members and their aliases, and nothing else. It runs in this
 * process, with sockets in the network. Members are hostile: a message is small, and there is an end to how many are
 * read.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import { native } from '../../lib/host/native.ts';
import { answerTo, maxQuery, type Lookup } from './name-answer.ts';

const port = 53;
const maxConnections = 32;
/** Milliseconds. */
const idleTimeout = 5000;
/** Questions in a second; those beyond are dropped, and clients ask again. */
const maxRate = 1000;
/** Questions that wait for another name server. */
const maxWaiting = 64;

export class NameServer {
  readonly #datagrams: Datagrams;
  readonly #streams: Server;
  readonly #connections = new Set<Socket>();
  readonly #lookup: Lookup;
  #second = 0;
  #asked = 0;
  #waiting = 0;
  #isClosed = false;

  private constructor(lookup: Lookup, datagrams: Datagrams, streams: Server) {
    this.#lookup = lookup;
    this.#datagrams = datagrams;
    this.#streams = streams;
    datagrams.on('message', (query, { address, port: from }) => {
      void this.#answer(query, 'udp').then((answer) => {
        if (answer && !this.#isClosed) datagrams.send(answer, from, address, () => undefined);
      });
    });
    streams.on('connection', (socket) => this.#serve(socket));
    // A member that goes away may leave an error behind, which concerns it alone.
    for (const server of [datagrams, streams]) server.on('error', () => undefined);
  }

  /** On port 53 of an address in a network namespace. */
  static async start(space: FileHandle, address: string, lookup: Lookup): Promise<NameServer> {
    const datagrams = createSocket('udp4');
    // Node listens at once to a socket that is bound already.
    datagrams.bind({ fd: await native().bindIn(space.fd, 'udp', address, port) });
    const streams = createServer({ allowHalfOpen: true });
    streams.maxConnections = maxConnections;
    streams.listen({ fd: await native().bindIn(space.fd, 'tcp', address, port) });
    await once(streams, 'listening');
    return new NameServer(lookup, datagrams, streams);
  }

  async #answer(query: Buffer, over: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) [this.#second, this.#asked] = [second, 0];
    if (++this.#asked > maxRate || this.#waiting >= maxWaiting) return undefined;
    this.#waiting++;
    return answerTo(query, over, this.#lookup).finally(() => this.#waiting--);
  }

  /** Over TCP each message has its length before it (RFC 1035, 4.2.2). */
  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.setTimeout(idleTimeout, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#connections.delete(socket));
    // However it ends.
    void this.#converse(socket)
      .catch(() => undefined)
      .finally(() => socket.destroy());
  }

  /** One question after the other, for as long as they are questions. */
  async #converse(socket: Socket): Promise<void> {
    let held = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2) {
        const end = 2 + held.readUInt16BE();
        if (end > 2 + maxQuery) return;
        if (held.length < end) break;
        const answer = await this.#answer(held.subarray(2, end), 'tcp');
        held = held.subarray(end);
        // Answers to a client that does not read them would pile up.
        if (!answer || !socket.write(withLength(answer))) return;
      }
    }
    socket.end();
    await once(socket, 'close');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const socket of this.#connections) socket.destroy();
    await Promise.all([
      new Promise<void>((done) => this.#datagrams.close(done)),
      new Promise<void>((done) => this.#streams.close(() => done())),
    ]);
  }
}

function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
