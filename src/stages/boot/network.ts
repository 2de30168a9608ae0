/** Access to an instance's private network, through sockets that Milliner makes in it. */
import { close as closeDescriptor } from 'node:fs';
import { open, readFile, readlink, type FileHandle } from 'node:fs/promises';
import { request } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../../lib/host/native.ts';
import { monotonic } from './clock.ts';
import type { ListeningPort } from './evidence.ts';
import type { NetworkAccess } from './instance.ts';
import { listeningPorts, socketTables, type SocketTables } from './listening.ts';
import { Throttle } from './throttle.ts';

/** A server may listen on only one of the two. */
const loopback = ['127.0.0.1', '::1'] as const;
const maxPause = 50;
/** Milliseconds for a connection from outside. */
const connectTimeout = 10_000;

/** A connection, whatever carries it. */
export type Carrier = Duplex & Pick<Socket, 'destroySoon'>;

/** Ways into a network. */
export interface Dialler {
  /** A connected socket, otherwise the reason why there is none. */
  dial: (address: (typeof loopback)[number], port: number, timeout: number) => Promise<Carrier | string>;
  /** The kernel's tables of its sockets; undefined where they cannot be read. */
  tables: () => Promise<SocketTables | undefined>;
  close: () => Promise<void>;
}

export class InstanceNetwork implements NetworkAccess {
  readonly #dialler: Dialler;
  readonly #throttle: Throttle | undefined;
  readonly #carried = new Set<Carrier>();

  /** Bandwidth in bits per second. */
  constructor(dialler: Dialler, bandwidth: number | undefined) {
    this.#dialler = dialler;
    // Bytes per second, shared by all connections from outside.
    this.#throttle = bandwidth === undefined ? undefined : new Throttle(bandwidth / 8);
  }

  /** Opens the network namespace of a process of the instance; bandwidth in bits per second. */
  static async enter(pid: number, bandwidth: number | undefined): Promise<InstanceNetwork> {
    const space = await open(`/proc/${pid}/ns/net`, 'r');
    const [inside, outside] = await Promise.all([
      readlink(`/proc/self/fd/${space.fd}`),
      readlink('/proc/self/ns/net'),
    ]);
    const dialler: Dialler = {
      dial: (address, port, timeout) => connectIn(space, address, port, timeout),
      tables: () => tablesOf(pid, space),
      close: () => space.close(),
    };
    if (inside !== outside) return new InstanceNetwork(dialler, bandwidth);
    // The process has ended, and its number belongs to another one.
    await space.close();
    throw new Error(`process ${pid} is in the host's own network`);
  }

  /** Undefined if a port of the instance accepts connections, otherwise the reason. */
  async tcp(port: number, timeout: number): Promise<string | undefined> {
    const socket = await this.#connect(port, timeout);
    if (typeof socket === 'string') return socket;
    socket.destroy();
    return undefined;
  }

  /**
   * Undefined if a URL answers with this status, otherwise the reason. The request goes to the instance, whatever the
   * URL's host is.
   */
  async http(url: string, status: number, timeout: number): Promise<string | undefined> {
    const end = monotonic() + timeout;
    const socket = await this.#connect(Number(new URL(url).port || 80), timeout);
    if (typeof socket === 'string') return socket;
    const found = await ask(socket, url, end - monotonic());
    if (found === status) return undefined;
    return typeof found === 'string' ? found : `status ${found} where ${status} was expected`;
  }

  async listening(): Promise<ListeningPort[] | undefined> {
    const tables = await this.#dialler.tables();
    return tables && listeningPorts(tables);
  }

  /** Forwards a connection from outside, from which nothing was read, to a port of the instance. */
  async carry(port: number, outer: Socket): Promise<void> {
    const inner = await this.#connect(port, connectTimeout);
    if (typeof inner === 'string') {
      outer.destroy();
      return;
    }
    for (const socket of [inner, outer]) {
      this.#carried.add(socket);
      socket.once('close', (isBroken: boolean) => {
        this.#carried.delete(socket);
        // A socket that has ended in both directions may still have bytes in the throttle, so its end follows them.
        if (isBroken) (socket === inner ? outer : inner).destroySoon();
      });
      socket.on('error', () => socket.destroy());
    }
    this.#pass(outer, inner);
    this.#pass(inner, outer);
  }

  #pass(from: Carrier, to: Carrier): void {
    if (this.#throttle) from.pipe(this.#throttle.stream()).pipe(to);
    else from.pipe(to);
  }

  /** A connected socket, otherwise the reason why there is none. */
  async #connect(port: number, timeout: number): Promise<Carrier | string> {
    const problems: string[] = [];
    for (const address of loopback) {
      const found = await this.#dialler.dial(address, port, timeout);
      if (typeof found !== 'string') return found;
      problems.push(found);
    }
    return problems[0]!;
  }

  async close(): Promise<void> {
    for (const socket of this.#carried) socket.destroy();
    await this.#dialler.close();
  }
}

async function connectIn(
  space: FileHandle,
  address: string,
  port: number,
  timeout: number,
): Promise<Socket | string> {
  const end = monotonic() + timeout;
  let fd: number | undefined;
  try {
    fd = await native().connectIn(space.fd, address, port);
    for (let pause = 1; !(await native().isConnected(fd)); pause = Math.min(pause * 2, maxPause)) {
      if (monotonic() > end) throw Object.assign(new Error(), { code: 'no connection in time' });
      await sleep(pause);
    }
    return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
  } catch (error) {
    if (fd !== undefined) closeDescriptor(fd);
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Read from outside, through the first process. Throws if that has ended. */
async function tablesOf(pid: number, space: FileHandle): Promise<SocketTables> {
  const texts = await Promise.all(
    socketTables.map(async (name) => [name, await readFile(`/proc/${pid}/net/${name}`, 'latin1')] as const),
  );
  // Had the process ended, its number could belong to another one.
  const [read, own] = await Promise.all([
    readlink(`/proc/${pid}/ns/net`),
    readlink(`/proc/self/fd/${space.fd}`),
  ]);
  if (read !== own) throw new Error(`process ${pid} is no longer in the network of the instance`);
  return Object.fromEntries(texts) as SocketTables;
}

/** The status of a GET, or the reason why there is none. The body is not read, because it may be endless. */
function ask(socket: Carrier, url: string, timeout: number): Promise<number | string> {
  return new Promise((done) => {
    const { pathname, search, host } = new URL(url);
    const asked = request({
      createConnection: () => socket,
      path: `${pathname}${search}`,
      headers: { host, connection: 'close' },
    });
    const timer = setTimeout(() => asked.destroy(new Error('no answer in time')), Math.max(1, timeout));
    asked.once('response', ({ statusCode }) => {
      done(statusCode ?? 'no status');
      asked.destroy();
    });
    asked.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    asked.once('close', () => {
      clearTimeout(timer);
      socket.destroy();
    });
    asked.end();
  });
}
