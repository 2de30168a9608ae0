/**
 * A page that programs of this host read: on a port of loopback or a unix socket. Browsers can reach loopback too, and a
 * stranger's page can give its own name loopback's address (DNS rebinding): then the browser sends that name as the
 * Host, and the page is refused.
 */
import { lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type ListenOptions } from 'node:net';
import { dirname } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { requireSafePath } from '../host/safe-place.ts';
import { isLoopbackHost } from './request.ts';

interface LocalPage {
  path: string;
  contentType: string;
  /** Called for each request that no other one is served for at that time. */
  read: () => Promise<string>;
  onError: (error: Error) => void;
}

export interface LocalEndpoint {
  /** `127.0.0.1:PORT`, or the path of the socket. */
  address: string;
  close(): Promise<void>;
}

const loopback = '127.0.0.1';
const maxPort = 65_535;
const maxConnections = 16;
/** Milliseconds for a request to arrive. */
const requestTimeout = 5000;

/** `place` is a port, of which 0 is a free one, or a path. Throws PORT_UNUSABLE, PLACE_UNSAFE. */
export async function serveLocally(place: number | string, page: LocalPage): Promise<LocalEndpoint> {
  if (typeof place === 'number' && place > maxPort) {
    throw new MillinerError('PORT_UNUSABLE', `${place} is no port`, { hint: 'Choose another port or path.' });
  }
  const server = createServer({ requestTimeout, headersTimeout: requestTimeout });
  server.maxConnections = maxConnections;
  const read = shared(page.read);
  server.on('request', (request, response) => void answer({ ...page, read }, place, request, response));
  if (typeof place === 'string') await freeSocket(place);
  await listen(server, typeof place === 'string' ? { path: place } : { host: loopback, port: place });
  const address = typeof place === 'string' ? place : `${loopback}:${(server.address() as AddressInfo).port}`;
  return { address, close: () => close(server) };
}

/** Requests that come at once share one answer, so that many of them cost no more than one. */
function shared(read: () => Promise<string>): () => Promise<string> {
  let current: Promise<string> | undefined;
  return () => {
    current ??= read().finally(() => (current = undefined));
    return current;
  };
}

async function answer(
  { path, contentType, read, onError }: LocalPage,
  place: number | string,
  { method, url = '', headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const end = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
    const fixed = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
    response.writeHead(status, { ...fixed, 'content-length': Buffer.byteLength(text) });
    response.end(method === 'HEAD' ? undefined : text);
  };
  try {
    if (typeof place === 'number' && !isOwnHost(headers.host)) return end(421, 'not the name of this host\n');
    if (url.split('?')[0] !== path) return end(404, 'not here\n');
    if (method !== 'GET' && method !== 'HEAD') return end(405, 'GET or HEAD\n');
    end(200, await read(), contentType);
  } catch (error) {
    // The log has the reason. The page's readers get none: it could name files of the host.
    onError(error as Error);
    end(500, 'see the log\n');
  }
}

/** A Host as a client of loopback sends it, with any port: a forwarded one is another. */
function isOwnHost(host: string | undefined): boolean {
  const [, name] = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(host ?? '') ?? [];
  return name !== undefined && isLoopbackHost(name);
}

/** Removes the socket of a server that died. Another file, or a socket that answers, stays. */
async function freeSocket(path: string): Promise<void> {
  requireSafePath(dirname(path));
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSocket() && !(await answers(path))) rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
}

function listen(server: Server, options: ListenOptions): Promise<void> {
  return new Promise<void>((done, fail) => {
    server.once('listening', done).once('error', (cause: NodeJS.ErrnoException) => {
      const where = options.path ?? `${options.host}:${options.port}`;
      const message = `cannot listen on ${where}: ${cause.code}`;
      fail(new MillinerError('PORT_UNUSABLE', message, { cause, hint: 'Choose another port or path.' }));
    });
    // The mode of a socket decides who may connect. Node makes it before listen returns, with the umask of that moment.
    const before = process.umask(0o077);
    server.listen(options);
    process.umask(before);
  });
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
}
