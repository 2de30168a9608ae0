/** Starts the dashboard: the site, the queue live, and bull-board, behind one gate. */
import { createServer as createPlain, type RequestListener, type ServerOptions } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { listenOnPort, listenOnSocket } from '../lib/http/listener.ts';
import { jobFailureOf } from '../queue/job.ts';
import type { Queues } from '../queue/queues.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { boardPath, jobBoard } from './job-board.ts';
import {
  checkIdentity,
  hostCheck,
  isLocal,
  requireSafeListen,
  type Identity,
  type ListenPlace,
} from './listen-place.ts';
import { LiveContent } from './live-content.ts';
import { readContent } from './queue-content.ts';
import { unreadable } from './queue-page.ts';
import { queueRoutes } from './queue-routes.ts';
import { queueTables } from './queue-tables.ts';
import { guarded } from './request-gate.ts';
import { Sessions } from './sessions.ts';
import { staticFiles } from './static-files.ts';

export interface DashboardOptions {
  place: ListenPlace;
  identity: Identity | undefined;
  /** Who has it may change something. */
  token: string | undefined;
  queues: Queues;
  /** The directory of the site. */
  site: string;
  onError: (error: unknown) => void;
}

export interface Dashboard {
  /** A URL, or the path of the socket. */
  address: string;
  close(): Promise<void>;
}

const maxConnections = 256;
/** Node's own limits are minutes: a client that sends a byte now and then (slowloris) would hold a connection so long. */
const limits: ServerOptions = {
  headersTimeout: 5000,
  requestTimeout: 6000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16 * 1024,
  requireHostHeader: true,
};

/** Throws LISTEN_UNSAFE, CERTIFICATE_INVALID, PORT_UNUSABLE, PLACE_UNSAFE. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { place, identity, onError } = options;
  const certificate = identity && checkIdentity(identity);
  requireSafeListen(place, certificate);
  const over = new AbortController();
  const handle = getRequestListener(appOf(options, over.signal).fetch, {
    errorHandler: (error) => {
      onError(error);
      return new Response('see the log of the dashboard\n', { status: 500 });
    },
  });
  const listener = guarded(async (request, response) => handle(request, response), {
    isOwnHost: hostCheck(place, certificate),
    onError,
  });
  const server = serverOf(identity, listener);
  const address = await addressOf(server, place, identity !== undefined);
  const close = async () => {
    over.abort();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { address, close };
}

function serverOf(identity: Identity | undefined, listener: RequestListener) {
  const server = identity
    ? createSecure({ ...limits, ...identity, minVersion: 'TLSv1.2', handshakeTimeout: 5000 }, listener)
    : createPlain(limits, listener);
  server.maxConnections = maxConnections;
  server.maxHeadersCount = 100;
  return server;
}

async function addressOf(
  server: ReturnType<typeof serverOf>,
  place: ListenPlace,
  secure: boolean,
): Promise<string> {
  if ('socket' in place) {
    await listenOnSocket(server, place.socket);
    return place.socket;
  }
  const port = await listenOnPort(server, place.host, place.port);
  const host = place.host.includes(':') ? `[${place.host}]` : place.host;
  return `${secure ? 'https' : 'http'}://${host}:${port}/`;
}

function appOf(
  { place, identity, token, queues, site, onError }: DashboardOptions,
  signal: AbortSignal,
): Hono {
  const doorkeeper = new Doorkeeper({
    sessions: token === undefined ? undefined : new Sessions(token),
    secure: identity !== undefined,
    isClosed: !isLocal(place) && token !== undefined,
  });
  const live = new LiveContent(async () => {
    try {
      return String(await queueTables(await readContent(queues)));
    } catch (error) {
      onError(error);
      return String(await unreadable(jobFailureOf(error)));
    }
  });
  const app = new Hono();
  app.route('/queue', queueRoutes({ queues, live, doorkeeper, signal }));
  app.get('/queue/', (context) => context.redirect('/queue', 301));
  app.use('*', doorkeeper.reading());
  app.route(boardPath, jobBoard(queues));
  app.get(`${boardPath}/`, (context) => context.redirect(boardPath, 301));
  app.get('*', staticFiles(site));
  app.notFound((context) => context.text('not here\n', 404));
  app.onError((error, context) => {
    onError(error);
    return context.text('see the log of the dashboard\n', 500);
  });
  return app;
}
