/**
 * bull-board, which shows the jobs of each queue. It may only read: a stage that is retried or removed by itself, or a
 * queue that is emptied, would break the release that the stage belongs to.
 */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono, type Context, type MiddlewareHandler, type Next } from 'hono';
import { z } from 'zod';
import { releaseQueue } from '../queue/job.ts';
import { nightQueue } from '../queue/night-claims.ts';
import { keys, type Queues } from '../queue/queues.ts';
import { inTime } from './in-time.ts';
import { shownClaims } from './shown-claims.ts';
import { shownValue } from './shown-text.ts';

export const boardPath = '/jobs';

/** What the pages of bull-board read. Others tell of the Redis and of its clients, or change something. */
const readable = /^\/api\/(?:queues|job-schedulers|queues\/[^/]+\/[^/]+(?:\/(?:logs|flow))?)$/;
const querySchema = z.object({
  jobsPerPage: z.coerce.number().int().min(1).max(100).optional(),
  page: z.coerce.number().int().min(1).max(10_000).optional(),
});
/** Names that Milliner gives to queues: others in the list were put there by another program. */
const queueName = /^(?:release|night|publish|(?:lock|build)-\w{1,20}|sign-[\da-f]{16})$/;

/** Answers at once; the others are asked to come again. */
const maxRequests = 8;
/** Characters of one answer. */
const maxAnswerLength = 8 * 1024 * 1024;

export function jobBoard(queues: Queues): Hono {
  const adapter = new HonoAdapter(serveStatic).setBasePath(boardPath);
  const { replaceQueues } = createBullBoard({
    queues: [],
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: 'Milliner',
        miscLinks: [{ text: 'Releases', url: '/queue' }],
        hideDocsLink: true,
        hideRedisDetails: true,
        showWorkers: false,
        locale: { lng: 'en-US' },
      },
    },
  });
  const board = new Hono();
  let running = 0;
  board.use('/api/*', async (context, next) => {
    const path = context.req.path.slice(boardPath.length);
    if (context.req.method !== 'GET' || !readable.test(path))
      return context.text('this board only reads\n', 403);
    if (!querySchema.safeParse(context.req.query()).success) return context.text('not such a page\n', 400);
    if (running >= maxRequests) return context.text('busy\n', 503);
    running += 1;
    try {
      replaceQueues(await inTime(boardQueues(queues)));
      return await shownAnswer(context, next);
    } finally {
      running -= 1;
    }
  });
  board.use('*', ownPage());
  return board.route('/', adapter.registerPlugin());
}

async function boardQueues(queues: Queues): Promise<BullMQAdapter[]> {
  const known = await queues.redis.smembers(keys.queues);
  const names = new Set([
    releaseQueue,
    nightQueue,
    ...known.filter((name) => queueName.test(name)).toSorted(),
  ]);
  return [...names].map((name) => {
    const adapter = new BullMQAdapter(queues.get(name), { readOnlyMode: true });
    for (const field of ['data', 'returnValue'] as const) adapter.setFormatter(field, shownClaims);
    return adapter;
  });
}

/** The failure of a library may name files of the host, and is not passed on. */
async function shownAnswer(context: Context, next: Next): Promise<Response | undefined> {
  await inTime(next());
  const { status } = context.res;
  if (status >= 500) return context.text('the queue cannot be read\n', 503);
  const text = await context.res.text();
  if (text.length > maxAnswerLength) return context.text('too large to show\n', 503);
  const type = { 'content-type': 'application/json; charset=utf-8' };
  context.res = new Response(JSON.stringify(shownValue(JSON.parse(text))), { status, headers: type });
  return undefined;
}

/** Of the page of bull-board, what asks another host for fonts and what the policy of the page refuses go. */
function ownPage(): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const type = context.res.headers.get('content-type') ?? '';
    if (!type.startsWith('text/html')) return;
    const page = (await context.res.text())
      .replaceAll(/<link href="https:[^>]*>/g, '')
      .replaceAll(/<style>[^]*?<\/style>/g, '');
    context.res = new Response(page, { status: context.res.status, headers: { 'content-type': type } });
  };
}
