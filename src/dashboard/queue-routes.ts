/** The paths below /queue/: pages, the stream of changes, and what a session may do to a release. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { streamSSE } from 'hono/streaming';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { jobFailureOf } from '../queue/job.ts';
import type { Queues } from '../queue/queues.ts';
import { cancelRelease, retryRelease } from '../queue/release-control.ts';
import { findRelease } from '../queue/status.ts';
import { isSameOrigin, type Doorkeeper } from './doorkeeper.ts';
import { inTime } from './in-time.ts';
import type { LiveContent } from './live-content.ts';
import { messagePage, queuePage, releasePage, signInPage } from './queue-page.ts';
import { maxBodyBytes } from './request-gate.ts';
import { raw } from 'hono/html';

const releaseId = z.string().regex(/^[\w.-]{1,200}$/);
const signInForm = z.object({ token: z.string().min(1).max(256) });
/** Milliseconds after which a stream ends, and the browser asks for a new one. */
const maxStreamTime = 15 * 60_000;
const templates = join(import.meta.dirname, '..', '..', 'templates');

interface OpenedQueue {
  queues: Queues;
  live: LiveContent;
  doorkeeper: Doorkeeper;
  /** Ends the streams when the server ends. */
  signal: AbortSignal;
}

export function queueRoutes(opened: OpenedQueue): Hono {
  const { queues, live, doorkeeper } = opened;
  const routes = new Hono();
  serveAssets(routes);
  signingRoutes(routes, doorkeeper);
  routes.use('*', doorkeeper.reading());
  routes.get('/', async (context) =>
    context.html(queuePage(doorkeeper.accessOf(context), raw(await live.now()))),
  );
  routes.get('/events', (context) => stream(context, opened));
  routes.get('/releases/:id', async (context) => {
    const access = doorkeeper.accessOf(context);
    try {
      const status = await inTime(findRelease(queues, idOf(context)));
      return context.html(releasePage(access, status));
    } catch (error) {
      const found = jobFailureOf(error);
      const isMissing = found.code === 'RELEASE_NOT_FOUND';
      // The message of another error may name files of the host.
      return context.html(
        messagePage(access, 'No such release', isMissing ? found : undefined),
        isMissing ? 404 : 503,
      );
    }
  });
  const changes = { retry: retryRelease, cancel: cancelRelease } as const;
  for (const [name, change] of Object.entries(changes)) {
    routes.post(`/releases/:id/${name}`, doorkeeper.writing(), async (context) => {
      try {
        await inTime(change(queues, idOf(context)));
      } catch (error) {
        if (!(error instanceof MillinerError)) throw error;
        return context.html(messagePage('write', 'Nothing was changed', jobFailureOf(error)), 409);
      }
      return context.redirect(context.req.path.slice(0, -name.length - 1), 303);
    });
  }
  return routes;
}

function idOf(context: Context): string {
  const id = releaseId.safeParse(context.req.param('id'));
  if (id.success) return id.data;
  throw new MillinerError('RELEASE_NOT_FOUND', 'this is not the id of a release');
}

function serveAssets(routes: Hono): void {
  const types = {
    'site/site.css': 'text/css',
    'dashboard/queue.css': 'text/css',
    'dashboard/queue.js': 'text/javascript',
  };
  for (const [path, type] of Object.entries(types)) {
    const text = readFileSync(join(templates, path), 'utf8');
    const headers = { 'content-type': `${type}; charset=utf-8` };
    routes.get(`/${basename(path)}`, (context) => context.body(text, 200, headers));
  }
}

function signingRoutes(routes: Hono, doorkeeper: Doorkeeper): void {
  routes.get('/sign-in', (context) =>
    doorkeeper.accessOf(context) === 'sign in'
      ? context.html(signInPage(false))
      : context.redirect('/queue', 303),
  );
  routes.post('/sign-in', bodyLimit({ maxSize: maxBodyBytes }), async (context) => {
    if (!isSameOrigin(context)) return context.text('sent by a page of another origin\n', 403);
    const form = signInForm.safeParse(await context.req.parseBody());
    const address = getConnInfo(context).remote.address ?? 'socket';
    const isRight = doorkeeper.signIn(context, form.data?.token ?? '', address);
    if (isRight === undefined) return context.text('too many tokens: wait a minute\n', 429);
    return isRight ? context.redirect('/queue', 303) : context.html(signInPage(true), 403);
  });
  routes.post('/sign-out', doorkeeper.writing(), (context) => {
    doorkeeper.signOut(context);
    return context.redirect('/queue', 303);
  });
}

/** One event for each change. It holds the tables as HTML, in which texts are escaped. */
function stream(context: Context, { live, signal }: OpenedQueue): Response | Promise<Response> {
  const exit = live.enter();
  if (!exit) return context.text('too many watch already\n', 503, { 'retry-after': '10' });
  return streamSSE(context, async (events) => {
    const gone = new AbortController();
    events.onAbort(() => gone.abort());
    const over = AbortSignal.any([signal, gone.signal, AbortSignal.timeout(maxStreamTime)]);
    try {
      for await (const data of live.changes(over)) {
        // A reader that takes nothing holds the writing up, and its place no longer than a stream lasts.
        const written = events.writeSSE({ event: 'queue', data, retry: 3000 });
        await Promise.race([
          written,
          new Promise((done) => over.addEventListener('abort', done, { once: true })),
        ]);
      }
    } finally {
      exit();
    }
  });
}
