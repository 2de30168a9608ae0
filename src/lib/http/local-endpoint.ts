/**
 * A page that programs of this host read: on a port of loopback or a unix socket. Browsers can reach loopback too, and a
 * stranger's page can give its own name loopback's address (DNS rebinding): then the browser sends that name as the
 * Host, and the page is refused.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isLoopbackAuthority, listenOnPort, listenOnSocket } from './listener.ts';

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
const maxConnections = 16;
/** Milliseconds for a request to arrive. */
const requestTimeout = 5000;

/** `place` is a port, of which 0 is a free one, or a path. Throws PORT_UNUSABLE, PLACE_UNSAFE. */
export async function serveLocally(place: number | string, page: LocalPage): Promise<LocalEndpoint> {
  const server = createServer({ requestTimeout, headersTimeout: requestTimeout });
  server.maxConnections = maxConnections;
  const read = shared(page.read);
  server.on('request', (request, response) => void answer({ ...page, read }, place, request, response));
  const address = await open(server, place);
  return { address, close: () => close(server) };
}

async function open(server: Server, place: number | string): Promise<string> {
  if (typeof place === 'number') return `${loopback}:${await listenOnPort(server, loopback, place)}`;
  await listenOnSocket(server, place);
  return place;
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
    if (typeof place === 'number' && !isLoopbackAuthority(headers.host))
      return end(421, 'not the name of this host\n');
    if (url.split('?')[0] !== path) return end(404, 'not here\n');
    if (method !== 'GET' && method !== 'HEAD') return end(405, 'GET or HEAD\n');
    end(200, await read(), contentType);
  } catch (error) {
    // The log has the reason. The page's readers get none: it could name files of the host.
    onError(error as Error);
    end(500, 'see the log\n');
  }
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
}
