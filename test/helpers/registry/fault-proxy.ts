/** A reverse proxy that spoils what it is told to: each request gets a number, and a script says what happens to it. */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request as requestByTls } from 'node:https';
import type { AddressInfo } from 'node:net';

export type Fault =
  /** Answered by the proxy; the registry hears nothing of it. */
  | { answer: number; headers?: Record<string, string>; body?: string }
  /** The connection ends once so many bytes of the request's body have gone on to the registry. */
  | { cutRequestAfter: number }
  /** The connection ends once so many bytes of the answer's body have come back. */
  | { cutAnswerAfter: number }
  /** The registry has done it, but nobody hears of it. */
  | { loseAnswer: true }
  /** Headers of the answer are others; undefined takes one away. */
  | { rewrite: Record<string, string | undefined> };

export interface Seen {
  /** From 1. */
  number: number;
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingMessage['headers'];
}

export type Script = (seen: Seen) => Fault | undefined | Promise<Fault | undefined>;

export class FaultProxy {
  readonly host: string;
  /** Every request, in order. */
  readonly seen: Seen[] = [];
  /** Bytes of requests' bodies that have come. */
  carried = 0;
  script: Script = () => undefined;
  readonly #server: Server;
  readonly #target: string;

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.#target = target;
    const { address, port } = server.address() as AddressInfo;
    this.host = `${address}:${port}`;
  }

  /** In front of HOST:PORT, or of an origin with TLS that nobody need vouch for; on loopback unless told. */
  static async start(target: string, address = '127.0.0.1'): Promise<FaultProxy> {
    const server = createServer();
    server.listen(0, address);
    await once(server, 'listening');
    const proxy = new FaultProxy(server, target);
    server.on('request', (incoming, response) => void proxy.#serve(incoming, response));
    return proxy;
  }

  /** What was asked, as `METHOD /path?query`, in order. */
  get asked(): string[] {
    return this.seen.map(({ method, url }) => `${method} ${url}`);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const seen = { number: this.seen.length + 1, method, url, headers };
    this.seen.push(seen);
    const fault: Fault = (await this.script(seen)) ?? { rewrite: {} };
    incoming.on('error', () => {});
    if ('answer' in fault) {
      incoming.resume();
      response.writeHead(fault.answer, fault.headers).end(fault.body);
      return;
    }
    // The Host header goes on as it is: the registry then makes addresses that lead through here.
    const forward = this.#forward(method, url, headers);
    forward.on('error', () => response.destroy());
    response.on('close', () => forward.destroy());
    forward.on('response', (answer) => this.#answer(fault, answer, response));
    if ('cutRequestAfter' in fault) {
      this.carried += await forwardPart(incoming, forward, fault.cutRequestAfter, response);
      return;
    }
    incoming.on('data', (chunk: Buffer) => (this.carried += chunk.length));
    incoming.pipe(forward);
  }

  #forward(method: string, url: string, headers: IncomingMessage['headers']) {
    if (!this.#target.startsWith('https:'))
      return request(`http://${this.#target}${url}`, { method, headers, agent: false });
    const told = { ...headers, 'x-forwarded-proto': 'http' };
    return requestByTls(`${this.#target}${url}`, {
      method,
      headers: told,
      agent: false,
      rejectUnauthorized: false,
    });
  }

  #answer(fault: Fault, answer: IncomingMessage, response: ServerResponse) {
    answer.on('error', () => response.destroy());
    if ('loseAnswer' in fault) {
      answer.resume().on('end', () => response.destroy());
      return;
    }
    const headers: Record<string, string | string[] | undefined> = { ...answer.headers };
    if ('rewrite' in fault) Object.assign(headers, fault.rewrite);
    const present = Object.entries(headers).filter(([, value]) => value !== undefined);
    response.writeHead(answer.statusCode ?? 502, Object.fromEntries(present));
    if (!('cutAnswerAfter' in fault)) {
      answer.pipe(response);
      return;
    }
    let left = fault.cutAnswerAfter;
    if (left === 0) response.flushHeaders();
    answer.on('data', (chunk: Buffer) => {
      const part = chunk.subarray(0, left);
      left -= part.length;
      response.write(part, () => left === 0 && response.destroy());
    });
    answer.on('end', () => response.destroy());
  }
}

/** Gives how much that was. */
async function forwardPart(
  incoming: IncomingMessage,
  forward: ReturnType<typeof request>,
  most: number,
  response: ServerResponse,
): Promise<number> {
  let left = most;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      await new Promise((resolve) => forward.write(part, resolve));
      if (left === 0) break;
    }
  } catch {
    // The client went first.
  }
  forward.destroy();
  response.destroy();
  return most - left;
}
