/** Reports reach a webhook once, however it fails before; Standard Webhooks' own library reads them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import { deliver } from '../../../src/pipeline/report/webhook.ts';
import { sendReports } from '../../../src/pipeline/report/send-reports.ts';
import { nightReportSchema } from '../../../src/stages/report/night-report.ts';
import { harmless, nightReport } from '../../helpers/night-report.ts';
import { WebhookReceiver } from '../../helpers/webhook-receiver.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const input = nightReport(harmless);
const report = nightReportSchema.parse(input);
const fast = { firstDelay: 1 };

let state: string;
let secretPath: string;
let receiver: WebhookReceiver;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'milliner-webhook-'));
  secretPath = join(state, 'secret');
  await writeFile(secretPath, `${secret}\n`);
  receiver = await WebhookReceiver.start();
});
afterEach(async () => {
  await receiver.close();
  await rm(state, { recursive: true });
});

const webhook = () => ({ url: receiver.url, secret: secretPath });

test('a delivery is signed, and is made once', async () => {
  const first = await deliver(state, webhook(), report, fast);
  expect(first).toMatchObject({ outcome: 'delivered', attempts: 1 });
  expect(first.url).not.toContain('token');
  const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
  expect(new Webhook(secret).verify(body, headers)).toEqual(report);
  expect(headers).toMatchObject({ 'webhook-id': first.id, 'content-type': 'application/json' });
  expect(await deliver(state, webhook(), report, fast)).toEqual({
    ...first,
    outcome: 'repeated',
    attempts: 0,
  });
  expect(receiver.received).toHaveLength(1);
});

test('another report, and another receiver, get theirs', async () => {
  await deliver(state, webhook(), report, fast);
  await deliver(state, webhook(), { ...report, finished: '2026-11-30T04:00:00Z' }, fast);
  await deliver(state, { ...webhook(), url: `${receiver.url}2` }, report, fast);
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(ids).toEqual([ids[0], expect.not.stringMatching(ids[0]!) as string, ids[0]]);
});

test('what passes is tried again, under the same id', async () => {
  receiver.answers = [{ status: 500 }, { status: 429 }, { status: 204, cut: true }, { status: 503 }];
  expect(await deliver(state, webhook(), report, fast)).toMatchObject({ outcome: 'delivered', attempts: 5 });
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
});

test.each([
  ['a refusal', [{ status: 400 }], 1],
  ['a page that is not there', [{ status: 404 }], 1],
  ['a redirect', [{ status: 302, headers: { location: '/elsewhere' } }], 1],
  ['a server that always fails', Array.from({ length: 6 }, () => ({ status: 502 })), 6],
])('%s fails', async (_, answers, attempts) => {
  receiver.answers = answers;
  const status = answers[0]!.status;
  const error = await deliver(state, webhook(), report, fast).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'WEBHOOK_FAILED', details: { attempts, status } });
  expect(JSON.stringify(error)).not.toContain('token');
  expect(receiver.received).toHaveLength(attempts);
  // What was not taken is sent the next time.
  expect(await deliver(state, webhook(), report, fast)).toMatchObject({ outcome: 'delivered' });
});

test.each([
  ['http://192.0.2.1/x', 'WEBHOOK_FAILED'],
  ['file:///etc/passwd', 'WEBHOOK_FAILED'],
  ['no URL', 'WEBHOOK_FAILED'],
])('%s is not asked', async (url, code) => {
  await expect(deliver(state, { url, secret: secretPath }, report, fast)).rejects.toMatchObject({ code });
});

test.each([
  ['no file', 'absent'],
  ['a directory', '.'],
])('%s as the secret is refused', async (_, name) => {
  const bad = { ...webhook(), secret: join(state, name) };
  await expect(deliver(state, bad, report, fast)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' });
});

test('a signal ends it between two attempts', async () => {
  receiver.answers = [{ status: 500, headers: { 'retry-after': '30' } }];
  const stop = new AbortController();
  const reason = new Error('stopped');
  const delivery = deliver(state, webhook(), report, { ...fast, signal: stop.signal });
  setTimeout(() => stop.abort(reason), 300);
  await expect(delivery).rejects.toBe(reason);
  expect(receiver.received).toHaveLength(1);
});

test('a webhook that fails costs the night nothing else', async () => {
  receiver.answers = [{ status: 400 }];
  const targets = [
    { format: 'json', webhook: receiver.url, secret: 'secret' },
    { format: 'text', file: 'nights/{{date}}.txt' },
    { format: 'json', webhook: `${receiver.url}2`, secret: 'secret' },
  ] as const;
  const sent = await sendReports({ state, progress: silent, signal: undefined }, state, targets, input);
  expect(sent.failures.map(({ code }) => code)).toEqual(['WEBHOOK_FAILED']);
  expect(sent.files).toEqual([join(state, 'nights/2026-11-30.txt')]);
  expect(sent.deliveries).toMatchObject([{ outcome: 'delivered' }]);
});
