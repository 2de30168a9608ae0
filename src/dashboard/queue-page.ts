/** The pages of the queue: all releases, one release with its logs, and the form to sign in. */
import { html } from 'hono/html';
import type { Failure } from '../lib/errors/wire.ts';
import type { ReleaseStatus } from '../queue/status.ts';
import { frameOf } from '../site/views/page-frame.ts';
import { boardPath } from './job-board.ts';
import { failure, pathOfRelease, stateMark, time, type Html } from './queue-tables.ts';
import { shownText } from './shown-text.ts';

/** What the reader of a page may do. */
export type Access = 'read' | 'sign in' | 'write';

/** Lines of a log that a page shows: the last ones. */
const maxLogLines = 500;

interface Frame {
  title: string;
  access: Access;
  /** Whether the page changes while it is open. */
  live?: boolean;
}

function page({ title, access, live = false }: Frame, content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · Milliner</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/queue/site.css" />
        <link rel="stylesheet" href="/queue/queue.css" />
        ${
          live
            ? html`<script src="/queue/queue.js" defer></script>
                <noscript><meta http-equiv="refresh" content="10" /></noscript>`
            : ''
        }
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
          <nav aria-label="Site">
            <a class="brand" href="/">Milliner</a>
            <ul>
              ${navigation(title)}
            </ul>
            ${signing(access)}
          </nav>
        </header>
        <main id="content">
          <h1>${title} ${live ? html`<small id="connection" role="status"></small>` : ''}</h1>
          ${content}
        </main>
      </body>
    </html>`;
}

/** Of the site, and what only the dashboard has. */
function navigation(title: string): Html[] {
  const { nav } = frameOf(title, 'index.html', { root: '/' });
  const all = [...nav, { href: '/queue', text: 'Queue' }, { href: boardPath, text: 'Jobs' }];
  return all.map(({ href, text }) =>
    text === title
      ? html`<li><a href="${href}" aria-current="page">${text}</a></li>`
      : html`<li><a href="${href}">${text}</a></li>`,
  );
}

function signing(access: Access): Html | string {
  if (access === 'sign in') return html`<a class="signing" href="/queue/sign-in">Sign in</a>`;
  if (access === 'read') return html`<span class="signing muted">read-only</span>`;
  return html`<form class="signing" method="post" action="/queue/sign-out"><button>Sign out</button></form>`;
}

/** `tables` is the part that changes. */
export function queuePage(access: Access, tables: Html): Html {
  const content = html`<div id="live" data-events="/queue/events">${tables}</div>`;
  return page({ title: 'Queue', access, live: true }, content);
}

export function unreadable({ code, hint }: Failure): Html {
  return html`<p id="trouble" class="failure">
    <b>${code}</b> The queue cannot be read. <small>${hint}</small>
  </p>`;
}

export function releasePage(access: Access, status: ReleaseStatus): Html {
  const { release, recipe, state, queued, finished, to, stages, error, report } = status;
  const title = shownText(release, 200);
  const names = (all: readonly string[]) =>
    all.slice(0, 20).map((one) => html`<div class="name">${shownText(one, 300)}</div>`);
  const facts: [string, unknown, string?][] = [
    ['State', stateMark(state)],
    ['Recipe', shownText(recipe, 200)],
    ['Queued', time(queued)],
    ...(finished === undefined ? [] : [['Finished', time(finished)] as [string, unknown]]),
    ['Where to', names(to), 'wide'],
    ...(report
      ? [
          ['Images', names(report.images.map(({ manifestDigest }) => manifestDigest)), 'wide'] as [
            string,
            unknown,
            string,
          ],
        ]
      : []),
  ];
  const content = html`${access === 'write' ? actions(release, state) : ''}
    <dl class="facts">
      ${facts.map(
        ([name, value, kind = '']) =>
          html`<div class="${kind}">
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${error ? failure(error) : ''} ${stages.map(stageSection)}`;
  return page({ title, access }, content);
}

function actions(release: string, state: ReleaseStatus['state']): Html | string {
  const button = (action: string, words: string) =>
    html`<form method="post" action="${pathOfRelease(release)}/${action}"><button>${words}</button></form>`;
  if (state === 'failed' || state === 'cancelled')
    return html`<p class="actions">${button('retry', 'Retry')}</p>`;
  if (state === 'queued' || state === 'running')
    return html`<p class="actions">${button('cancel', 'Cancel')}</p>`;
  return '';
}

function stageSection({
  job,
  state,
  attempts,
  started,
  finished,
  error,
  logs = [],
}: ReleaseStatus['stages'][number]): Html {
  const shown = logs.slice(-maxLogLines).map((line) => shownText(line));
  const left = logs.length - shown.length;
  return html`<section>
    <h2>${shownText(job, 300)} ${stateMark(state)}</h2>
    <p class="muted">
      ${started === undefined ? '' : html`from ${time(started)}`}
      ${finished === undefined ? '' : html`to ${time(finished)}`} ${attempts > 1 ? `attempt ${attempts}` : ''}
    </p>
    ${error ? failure(error) : ''}
    ${left > 0 ? html`<p class="muted">${left} earlier lines are not shown</p>` : ''}
    ${shown.length > 0 ? html`<pre class="log" tabindex="0">${shown.join('\n')}</pre>` : ''}
  </section>`;
}

export function signInPage(isWrong: boolean): Html {
  const content = html`${isWrong ? html`<p class="failure" role="alert">That is not the token.</p>` : ''}
    <form method="post" action="/queue/sign-in" class="sign-in">
      <label for="token">Token</label>
      <input id="token" name="token" type="password" autocomplete="off" required maxlength="256" />
      <button>Sign in</button>
    </form>
    <p class="muted">
      It is in the file that <code>milliner dashboard --token-file</code> names, or was printed when it
      started.
    </p>`;
  return page({ title: 'Sign in', access: 'read' }, content);
}

export function messagePage(access: Access, title: string, about: Failure | undefined): Html {
  return page({ title, access }, about ? failure(about) : html`<p><a href="/queue">To the queue</a></p>`);
}
