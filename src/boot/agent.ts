/**
 * A process of ours that lives in an instance's network namespace, and in nothing else of it: it asks what the
 * instance's ports answer, and carries connections from the host's ports to them. Started by network.ts.
 */
import { readlinkSync } from 'node:fs';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Throttle } from './throttle.ts';

export type AgentRequest =
  | { id: number; kind: 'tcp'; port: number; timeout: number }
  | { id: number; kind: 'http'; url: string; status: number; timeout: number }
  /** Comes with a socket. */
  | { id: number; kind: 'carry'; port: number };

/** Undefined where it went well, otherwise why not. */
export interface AgentAnswer {
  id: number;
  problem?: string;
}

const [outside = '', bandwidth = ''] = process.argv.slice(2);
// A pid that was given to another process meanwhile would have led to the host's own network.
if (readlinkSync('/proc/self/ns/net') === outside) process.exit(1);
// Bytes in a second, shared by all connections of the instance.
const throttle = bandwidth === '' ? undefined : new Throttle(Number(bandwidth) / 8);

const loopback = ['127.0.0.1', '::1'];

function reach(port: number, host: string, timeout: number): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = connect({ port, host });
    const end = (problem?: string) => {
      socket.destroy();
      done(problem);
    };
    socket.setTimeout(timeout, () => end('no connection in time'));
    socket.once('connect', () => end());
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

/** A server may listen for one of the two only. */
async function tcp(port: number, timeout: number): Promise<string | undefined> {
  const [first, second] = await Promise.all(loopback.map((host) => reach(port, host, timeout)));
  return first === undefined || second === undefined ? undefined : first;
}

/** The instance itself is asked, whatever the URL's host is; that one goes into the request. */
async function http(url: string, status: number, timeout: number): Promise<string | undefined> {
  const { port, host } = new URL(url);
  const answers = await Promise.all(
    loopback.map((address) => ask(url, { host: address, port: Number(port || 80), name: host }, timeout)),
  );
  if (answers.includes(status)) return undefined;
  const [found] = answers.filter((answer) => typeof answer === 'number');
  return found === undefined ? String(answers[0]) : `status ${found} where ${status} was expected`;
}

function ask(
  url: string,
  { host, port, name }: { host: string; port: number; name: string },
  timeout: number,
): Promise<number | string> {
  return new Promise((done) => {
    const { pathname, search } = new URL(url);
    const options = { host, port, path: `${pathname}${search}`, headers: { host: name }, agent: false };
    const request = get(options, (response) => {
      // What it says is of no interest, and may have no end.
      done(response.statusCode ?? 'no status');
      request.destroy();
    });
    const timer = setTimeout(() => request.destroy(new Error('no answer in time')), timeout);
    request.once('close', () => clearTimeout(timer));
    request.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  });
}

function carry(outer: Socket, port: number): void {
  // A socket that comes through the channel has forgotten that its other half may stay open.
  outer.allowHalfOpen = true;
  const inner = connect({ port, host: loopback[0]!, allowHalfOpen: true });
  const end = () => {
    inner.destroy();
    outer.destroy();
  };
  for (const socket of [inner, outer]) socket.on('error', end);
  if (throttle) {
    outer.pipe(throttle.stream()).pipe(inner);
    inner.pipe(throttle.stream()).pipe(outer);
  } else {
    outer.pipe(inner);
    inner.pipe(outer);
  }
  outer.resume();
}

async function respond(request: AgentRequest, socket: Socket | undefined): Promise<string | undefined> {
  if (request.kind === 'tcp') return tcp(request.port, request.timeout);
  if (request.kind === 'http') return http(request.url, request.status, request.timeout);
  if (socket) carry(socket, request.port);
  return undefined;
}

process.on('message', (request: AgentRequest, socket?: Socket) => {
  void respond(request, socket).then((problem) => {
    process.send?.({ id: request.id, ...(problem !== undefined && { problem }) } satisfies AgentAnswer);
  });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0 } satisfies AgentAnswer);
