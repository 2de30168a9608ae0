/** The tables of the live page: releases with their stages, workers, schedules. Texts are escaped where they stand. */
import { html } from 'hono/html';
import type { Failure } from '../lib/errors/wire.ts';
import type { ScheduleStatus } from '../queue/schedule-status.ts';
import type { ReleaseStatus, WorkerStatus } from '../queue/status.ts';
import type { QueueContent } from './queue-content.ts';
import { shownText } from './shown-text.ts';

export type Html = ReturnType<typeof html>;
type StageStatus = ReleaseStatus['stages'][number];

/** In the order of a release. Those to come are shown as well. */
const stages = ['lock', 'build', 'sign', 'publish'] as const;
/** Characters of a message in a table. */
const maxMessageLength = 300;

export function queueTables({ releases, workers, schedules }: QueueContent): Html {
  return html`${summary(releases, workers)}
    <section id="releases" aria-labelledby="releases-title">
      <h2 id="releases-title">Releases</h2>
      ${releases.length === 0 ? html`<p class="muted">No releases.</p>` : releaseTable(releases)}
    </section>
    <section id="workers" aria-labelledby="workers-title">
      <h2 id="workers-title">Workers</h2>
      ${
        workers.length === 0
          ? html`<p class="muted">No worker runs. Start one with <code>milliner worker</code>.</p>`
          : workerTable(workers)
      }
    </section>
    <section id="schedules" aria-labelledby="schedules-title">
      <h2 id="schedules-title">Schedules</h2>
      ${schedules.length === 0 ? html`<p class="muted">No schedules.</p>` : scheduleTable(schedules)}
    </section>`;
}

function summary(releases: readonly ReleaseStatus[], workers: readonly WorkerStatus[]): Html {
  const count = (...states: string[]) => releases.filter(({ state }) => states.includes(state)).length;
  const failed = count('failed', 'unconfirmed');
  const figures = [
    { name: 'Running', value: count('running'), kind: '' },
    { name: 'Queued', value: count('queued'), kind: '' },
    { name: 'Failed', value: failed, kind: failed > 0 ? 'bad' : 'ok' },
    { name: 'Released', value: count('released'), kind: '' },
    { name: 'Workers', value: workers.length, kind: workers.length > 0 ? 'ok' : 'warn' },
  ];
  return html`<dl id="summary" class="stats">
    ${figures.map(
      ({ name, value, kind }) =>
        html`<div class="${kind}">
          <dt>${name}</dt>
          <dd><b>${value}</b></dd>
        </div>`,
    )}
  </dl>`;
}

function releaseTable(releases: readonly ReleaseStatus[]): Html {
  const headings = ['Release', 'State', 'Stages', 'Where to', 'Queued', 'Finished'];
  return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="releases-title">
    <table>
      <thead>
        <tr>
          ${headings.map((heading) => html`<th scope="col">${heading}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${releases.map(releaseRow)}
      </tbody>
    </table>
  </div>`;
}

function releaseRow({
  release,
  state,
  stages: found,
  to,
  queued,
  finished,
  waitsFor,
  error,
}: ReleaseStatus): Html {
  const id = shownText(release, 200);
  return html`<tr>
    <th scope="row"><a href="${pathOfRelease(release)}">${id}</a></th>
    <td>
      ${stateMark(state)}
      ${waitsFor === undefined ? '' : html`<small>after ${shownText(waitsFor, 200)}</small>`}
    </td>
    <td>${found.length > 0 || !error ? stageMarks(found) : ''} ${error ? failureLine(error) : ''}</td>
    <td>${to.slice(0, 3).map((reference) => html`<div class="name">${shownText(reference, 300)}</div>`)}</td>
    <td>${time(queued)}</td>
    <td>${time(finished)}</td>
  </tr>`;
}

export const pathOfRelease = (release: string) => `/queue/releases/${encodeURIComponent(release)}`;

/** What a state means, in the classes of the site. */
const kinds: Record<string, string> = {
  released: 'ok',
  done: 'ok',
  failed: 'bad',
  unconfirmed: 'bad',
  cancelled: 'warn',
  retrying: 'warn',
  running: 'busy',
};

export function stateMark(state: string): Html {
  return html`<span class="status ${kinds[state] ?? 'none'}">${state}</span>`;
}

/** One step for each stage, and for each architecture of a build. */
function stageMarks(found: readonly StageStatus[]): Html {
  const steps = stages.flatMap((stage): { stage: string; arch?: string; state: string }[] => {
    const own = found.filter((one) => one.stage === stage);
    return own.length > 0 ? own : [{ stage, state: 'later' }];
  });
  const about = found.map(({ stage, arch, progress, unserved }) => {
    const name = arch === undefined ? stage : `${stage} ${shownText(arch, 20)}`;
    if (progress !== undefined)
      return html`<div class="progress">${name}: ${shownText(progress, maxMessageLength)}</div>`;
    return unserved === undefined
      ? ''
      : html`<div class="progress">no worker takes ${shownText(unserved, 100)}</div>`;
  });
  return html`<ol class="steps">
      ${steps.map(
        ({ stage, arch, state }) =>
          html`<li class="${kinds[state] ?? state}">
            ${stage}${arch === undefined ? '' : ` ${shownText(arch, 20)}`}<span class="hidden"
              >: ${state}</span
            >
          </li>`,
      )}
    </ol>
    ${about}`;
}

function failureLine({ code, message }: Failure): Html {
  return html`<div class="failure"><b>${code}</b> ${shownText(message, maxMessageLength)}</div>`;
}

export function failure({ code, message, hint }: Failure): Html {
  return html`<div class="failure">
    <b>${code}</b> ${shownText(message, maxMessageLength)}
    <small>${shownText(hint, maxMessageLength)}</small>
  </div>`;
}

function workerTable(workers: readonly WorkerStatus[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="workers-title">
    <table>
      <thead>
        <tr>
          <th scope="col">Worker</th>
          <th scope="col">Slots</th>
          <th scope="col">Runs</th>
          <th scope="col">Takes</th>
        </tr>
      </thead>
      <tbody>
        ${workers.map(
          ({ host, pid, slots, running, takes }) =>
            html`<tr>
              <th scope="row">${shownText(host, 200)} ${pid}</th>
              <td>${running.length} of ${slots}</td>
              <td>${names(running)}</td>
              <td>${names(takes)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function names(all: readonly string[]): string {
  const some = all.slice(0, 20).map((one) => shownText(one, 200));
  return [...some, ...(all.length > some.length ? [`and ${all.length - some.length} more`] : [])].join(', ');
}

function scheduleTable(schedules: readonly ScheduleStatus[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="schedules-title">
    <table>
      <thead>
        <tr>
          <th scope="col">Release set</th>
          <th scope="col">Cron, in UTC</th>
          <th scope="col">Next night</th>
          <th scope="col">Last night</th>
        </tr>
      </thead>
      <tbody>
        ${schedules.map(
          ({ set, cron, next, last }) =>
            html`<tr>
              <th scope="row">${shownText(set, 200)}</th>
              <td><code>${shownText(cron, 100)}</code></td>
              <td>${time(next)}</td>
              <td>
                ${last ? html`${stateMark(last.state)} ${time(last.finished ?? last.started)}` : ''}
                ${last?.error ? failureLine(last.error) : ''}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Of ISO 8601, by the minute and second in UTC. */
export function time(iso: string | undefined): Html | string {
  if (iso === undefined) return '';
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)}</time>`;
}
