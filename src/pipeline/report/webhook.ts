/** Delivers a night's report to a webhook. A receiver that fails costs the night nothing but a line in its result. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { unconfined } from '../../lib/http/reach.ts';
import { AttemptError, isLoopbackHost, send, showUrl, statusError } from '../../lib/http/request.ts';
import type { NightReport } from '../../stages/report/night-report.ts';
import { deliveryId, parseWebhookSecret, webhookHeaders } from '../../stages/report/webhook-signature.ts';
import { addDelivery, wasDelivered } from '../state/deliveries.ts';
import { readBounded } from './read-bounded.ts';

interface Webhook {
  url: string;
  /** Path of the file with the secret. */
  secret: string;
}

export interface Delivery {
  /** Without what may hold a secret. */
  url: string;
  id: string;
  /** `repeated`: the webhook had taken this report before, so it was not sent. */
  outcome: 'delivered' | 'repeated';
  attempts: number;
}

interface DeliveryOptions {
  signal?: AbortSignal | undefined;
  /** Milliseconds until the second attempt; each later one waits twice as long. */
  firstDelay?: number;
}

/** Over about half a minute, besides the time that the receiver takes. */
const maxAttempts = 6;
const defaultDelay = 1000;
/** Milliseconds that a receiver may ask for (Retry-After). */
const maxDelay = 60_000;
/** Milliseconds of one attempt. */
const attemptTimeout = 20_000;
const maxSecretFileBytes = 1024;

/** Throws KEY_FILE_INVALID, WEBHOOK_FAILED, INTERRUPTED. */
export async function deliver(
  state: string,
  webhook: Webhook,
  report: NightReport,
  { signal, firstDelay = defaultDelay }: DeliveryOptions = {},
): Promise<Delivery> {
  const target = targetOf(webhook.url);
  const secret = parseWebhookSecret(
    await readBounded(webhook.secret, maxSecretFileBytes, 'KEY_FILE_INVALID'),
    webhook.secret,
  );
  const id = deliveryId(report);
  const about = { url: showUrl(webhook.url), id };
  if (await wasDelivered(state, webhook.url, id)) return { ...about, outcome: 'repeated', attempts: 0 };
  const body = JSON.stringify(report);
  for (let attempt = 1; ; attempt++) {
    try {
      await post(target, webhookHeaders(secret, { id, timestamp: now(), body }), body, signal);
      await addDelivery(state, webhook.url, id);
      return { ...about, outcome: 'delivered', attempts: attempt };
    } catch (error) {
      if (signal?.aborted) throw signal.reason as Error;
      if (!(error instanceof AttemptError)) throw error;
      if (error.permanent || attempt >= maxAttempts) throw failed(about.url, attempt, error);
      const delay = firstDelay * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
      await pause(Math.min(Math.max(delay, error.retryAfter), maxDelay), signal);
    }
  }
}

/** A signature names the time of its attempt: receivers refuse an old one. */
const now = () => Math.floor(Date.now() / 1000);

/** A redirect is a failure: it would send the report to a place that the operator has not named. */
async function post(
  target: URL,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const timeout = AbortSignal.timeout(attemptTimeout);
  const response = await unconfined(() =>
    send(target, {
      method: 'POST',
      headers,
      body: Buffer.from(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    }),
  );
  // The status alone counts; a body without end is not waited for.
  response.body.on('error', () => undefined).destroy();
  if (response.statusCode < 200 || response.statusCode > 299) throw statusError(response);
}

/** Plain http would show the report to the network between. */
function targetOf(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  const isAllowed =
    target?.protocol === 'https:' || (target?.protocol === 'http:' && isLoopbackHost(target.hostname));
  if (target && isAllowed) return target;
  throw new MillinerError('WEBHOOK_FAILED', `${showUrl(url)} is neither https nor http on loopback`, {
    hint: 'Give an https URL.',
  });
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {
    throw signal?.reason as Error;
  });
}

function failed(url: string, attempts: number, cause: AttemptError): MillinerError {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return new MillinerError('WEBHOOK_FAILED', `${url}: ${cause.message}, after ${tries}`, {
    cause,
    details: { url, attempts, ...(cause.status !== undefined && { status: cause.status }) },
  });
}
