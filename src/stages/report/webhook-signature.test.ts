/** The library of Standard Webhooks takes what we sign, and nothing that was changed. */
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { harmless, nightReport } from '../../../test/helpers/night-report.ts';
import { nightReportSchema } from './night-report.ts';
import { deliveryId, parseWebhookSecret, webhookHeaders } from './webhook-signature.ts';

const now = () => Math.floor(Date.now() / 1000);
const secretText = (bytes: Uint8Array) => `whsec_${Buffer.from(bytes).toString('base64')}`;

test('any body under any secret is taken', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 24, maxLength: 64 }), fc.json(), (bytes, body) => {
      const text = secretText(bytes);
      const headers = webhookHeaders(parseWebhookSecret(`${text}\n`, 'a file'), {
        id: 'night_1',
        timestamp: now(),
        body,
      });
      const receiver = new Webhook(text);
      expect(receiver.verify(body, headers)).toEqual(JSON.parse(body));
      for (const changed of [
        { ...headers, 'webhook-id': 'night_2' },
        { ...headers, 'webhook-timestamp': String(now() - 1000) },
        { ...headers, 'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}` },
      ])
        expect(() => receiver.verify(body, changed)).toThrow();
      expect(() => receiver.verify(`${body} `, headers)).toThrow();
    }),
  );
});

test.each([
  ['', 'nothing'],
  ['whsec_', 'no secret'],
  [secretText(new Uint8Array(23)), 'a short one'],
  [secretText(new Uint8Array(65)), 'a long one'],
  [secretText(new Uint8Array(32)).replace('=', ''), 'half of its padding'],
  ['correct horse battery staple', 'a password'],
])('%j is refused: %s', (text) => {
  const error = expect.objectContaining({
    code: 'KEY_FILE_INVALID',
    message: 'a file holds no secret of a webhook',
  });
  expect(() => parseWebhookSecret(text, 'a file')).toThrow(error as Error);
});

test('a report has one id, whatever the order of its keys; another one has another', () => {
  const report = nightReportSchema.parse(nightReport(harmless));
  const turned = Object.fromEntries(Object.entries(report).toReversed()) as typeof report;
  expect(deliveryId(report)).toMatch(/^night_[0-9a-f]{32}$/);
  expect(deliveryId(turned)).toBe(deliveryId(report));
  expect(deliveryId({ ...report, finished: '2026-11-30T03:00:00Z' })).not.toBe(deliveryId(report));
});
