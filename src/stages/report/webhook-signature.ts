/**
 * Signs what a webhook gets, as Standard Webhooks says (https://www.standardwebhooks.com, version 1): the receiver knows
 * who sent it, refuses an old one that someone sends again, and takes one delivery once.
 */
import { createHmac } from 'node:crypto';
import { MillinerError } from '../../lib/errors/error.ts';
import { canonicalDigest, hexOf } from '../../lib/oci/digest.ts';
import type { NightReport } from './night-report.ts';

/** Bytes of a secret, by the specification. */
const minSecretBytes = 24;
const maxSecretBytes = 64;

/** The same report has the same id, so a night that is taken up again delivers nothing twice. */
export function deliveryId(report: NightReport): string {
  return `night_${hexOf(canonicalDigest(report)).slice(0, 32)}`;
}

/** `name` is the file's. Throws KEY_FILE_INVALID, which never quotes the text. */
export function parseWebhookSecret(text: string, name: string): Buffer {
  const [, base64 = ''] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text.trim()) ?? [];
  const secret = Buffer.from(base64, 'base64');
  const isWhole = secret.toString('base64') === base64;
  if (isWhole && secret.length >= minSecretBytes && secret.length <= maxSecretBytes) return secret;
  throw new MillinerError('KEY_FILE_INVALID', `${name} holds no secret of a webhook`, {
    hint: `Write whsec_ and ${minSecretBytes} to ${maxSecretBytes} random bytes in base64 into it: echo whsec_$(openssl rand -base64 32).`,
  });
}

interface Signed {
  id: string;
  /** Seconds since 1970. */
  timestamp: number;
  body: string;
}

export function webhookHeaders(secret: Buffer, { id, timestamp, body }: Signed): Record<string, string> {
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}
