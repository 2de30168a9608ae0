/**
 * What may be shown of texts in the queue. Milliner puts no secret there; a program that failed may have printed one,
 * and the log of its job then holds it.
 */
import { printable } from '../lib/host/printable.ts';

const mask = '***';

/** Each keeps the part before the secret. */
const secrets: readonly RegExp[] = [
  // The user and password of a URL.
  /([a-z][a-z\d+.-]*:\/\/)[^\s/@"'\\<>]{1,500}(?=@)/gi,
  /((?:authorization|x-api-key|cookie)\\?["']?\s*[:=]\s*\\?["']?(?:(?:bearer|basic|token)\s+)?)[\w.~+/=-]{8,}/gi,
  /((?:password|passphrase|secret|token)\\?["']?\s*[:=]\s*\\?["']?)[^\s"'\\&,;<>]{4,}/gi,
  /()\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,})/g,
  /(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?:(?!-----END)[^]){1,20000}/g,
];

function masked(text: string): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, `$1${mask}`), text);
}

/** For a page: without control characters and those that reorder text, and no longer than a screen. */
export function shownText(text: string, maxLength = 2000): string {
  const short = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return masked(printable(short.toWellFormed()));
}

/** Of the values that a library makes: deeper ones than Milliner writes would fill the stack. */
const maxDepth = 20;

/** Every text in a value, names of keys too. */
export function shownValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return masked(printable(value));
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) return '…';
  if (Array.isArray(value)) return value.map((one) => shownValue(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [masked(printable(key)), shownValue(one, depth + 1)]),
  );
}
