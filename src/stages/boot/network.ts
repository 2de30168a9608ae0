/** Access to an instance's private network, through sockets that Milliner makes in it. */
import { close as closeDescriptor } from 'node:fs';
import { open, readFile, readlink, type FileHandle } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../../lib/host/native.ts';
import { monotonic } from './clock.ts';
import type { ListeningPort } from './evidence.ts';
import { listeningPorts, socketTables, type SocketTables } from './listening.ts';
import type { Carrier, Dial, NetworkAccess } from './network-access.ts';
import { openUdpFlow } from './udp-flow.ts';
import type { Membership, Way } from './membership.ts';
import { Throttle } from './throttle.ts';

/** A server may listen on only one of the two. */
const loopback = ['127.0.0.1', '::1'];
const maxPause = 50;
/** Milliseconds for a connection from outside. */
const connectTimeout = 10_000;

interface Place {
  /** Bits per second, for what comes from outside to a loopback address. */
  bandwidth: number | undefined;
  membership: Membership | undefined;
}

/** Each in the order in which they are tried. */
interface Ways {
  /** For checks. */
  checked: readonly Way[];
  /** For connections from outside. */
  published: readonly Way[];
  /** The kernel's tables of its sockets; undefined where they cannot be read. */
  tables?: () => Promise<SocketTables | undefined>;
  /** Closed with the network. */
  own?: FileHandle;
}

export class InstanceNetwork implements NetworkAccess {
  readonly #ways: Ways;
  readonly #carried = new Set<Carrier>();
  readonly openFlow: NetworkAccess['openFlow'];

  constructor(ways: Ways) {
    this.#ways = ways;
    // Over its link alone: a datagram does not tell whether a program listens at a loopback address.
    const linked = ways.published.filter(({ space }) => space !== undefined);
    this.openFlow = linked.length === 0 ? undefined : (port, onAnswer) => openUdpFlow(linked, port, onAnswer);
  }

  /** Of a machine, whose loopback addresses are dialled inside, and whose link is reached from the bridge. */
  static inMachine(
    dial: Dial,
    tables: () => Promise<SocketTables | undefined>,
    { bandwidth, membership }: Place,
  ): InstanceNetwork {
    const own = localWays(dial, bandwidth);
    const ways = membership?.ways ?? [];
    return new InstanceNetwork({ checked: [...own, ...ways], published: [...ways, ...own], tables });
  }

  /**
   * Opens the network namespace of a process of the instance. What is published goes over its link, or to a loopback
   * address where nothing listens there.
   */
  static async enter(pid: number, { bandwidth, membership }: Place): Promise<InstanceNetwork> {
    const space = await open(`/proc/${pid}/ns/net`, 'r');
    const [inside, outside] = await Promise.all([
      readlink(`/proc/self/fd/${space.fd}`),
      readlink('/proc/self/ns/net'),
    ]);
    if (inside === outside) {
      // The process has ended, and its number belongs to another one.
      await space.close();
      throw new Error(`process ${pid} is in the host's own network`);
    }
    const own = localWays(dialIn(space), bandwidth);
    const { addresses = [], ways = [] } = membership ?? {};
    const checked = [...own, ...addresses.map((address) => ({ dial: dialIn(space), address }))];
    const tables = () => tablesOf(pid, space);
    return new InstanceNetwork({ checked, published: [...ways, ...own], tables, own: space });
  }

  /** Undefined if a port of the instance accepts connections, otherwise the reason. */
  async tcp(port: number, timeout: number): Promise<string | undefined> {
    const found = await connect(this.#ways.checked, port, timeout);
    if (typeof found === 'string') return found;
    found.socket.destroy();
    return undefined;
  }

  /**
   * Undefined if a URL answers with this status, otherwise the reason. The request goes to the instance, whatever the
   * URL's host is.
   */
  async http(url: string, status: number, timeout: number): Promise<string | undefined> {
    const end = monotonic() + timeout;
    const found = await connect(this.#ways.checked, Number(new URL(url).port || 80), timeout);
    if (typeof found === 'string') return found;
    const answer = await ask(found.socket, url, end - monotonic());
    if (answer === status) return undefined;
    return typeof answer === 'string' ? answer : `status ${answer} where ${status} was expected`;
  }

  async listening(): Promise<ListeningPort[] | undefined> {
    const tables = await this.#ways.tables?.();
    return tables && listeningPorts(tables);
  }

  /** Forwards a connection from outside, from which nothing was read, to a port of the instance. */
  async carry(port: number, outer: Socket): Promise<void> {
    const found = await connect(this.#ways.published, port, connectTimeout);
    if (typeof found === 'string') {
      outer.destroy();
      return;
    }
    const { socket: inner, throttle } = found;
    for (const socket of [inner, outer]) {
      this.#carried.add(socket);
      socket.once('close', (isBroken: boolean) => {
        this.#carried.delete(socket);
        // A socket that has ended in both directions may still have bytes in the throttle, so its end follows them.
        if (isBroken) (socket === inner ? outer : inner).destroySoon();
      });
      socket.on('error', () => socket.destroy());
    }
    for (const [from, to] of [[outer, inner] as const, [inner, outer] as const]) {
      if (throttle) from.pipe(throttle.stream()).pipe(to);
      else from.pipe(to);
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#carried) socket.destroy();
    await this.#ways.own?.close();
  }
}

/** A connected socket over the first way that leads to one, otherwise the reason why there is none. */
async function connect(
  ways: readonly Way[],
  port: number,
  timeout: number,
): Promise<(Pick<Way, 'throttle'> & { socket: Carrier }) | string> {
  const problems: string[] = [];
  for (const { dial, address, throttle } of ways) {
    const found = await dial(address, port, timeout);
    if (typeof found !== 'string') return { socket: found, throttle };
    problems.push(found);
  }
  return problems[0] ?? 'there is no way to it';
}

function localWays(dial: Dial, bandwidth: number | undefined): Way[] {
  // Bytes per second, shared by all connections from outside.
  const throttle = bandwidth === undefined ? undefined : new Throttle(bandwidth / 8);
  return loopback.map((address) => ({ dial, address, throttle }));
}

export const dialIn =
  (space: FileHandle): Dial =>
  (address, port, timeout) =>
    connectIn(space, address, port, timeout);

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
async function ask(socket: Carrier, url: string, timeout: number): Promise<number | string> {
  // It takes as long to load as all of Milliner that starts an instance.
  const { request } = await import('node:http');
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
