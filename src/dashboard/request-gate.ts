/**
 * The gate of the dashboard: refuses what no browser of a user sends, before any code of a library reads the request.
 * Each answer has the headers that keep a browser from running, framing, storing or guessing anything.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { RequestBudget } from './request-budget.ts';

const maxTargetLength = 2048;
/** Bytes. The longest form is the one with the token. */
export const maxBodyBytes = 4096;
const formType = 'application/x-www-form-urlencoded';

/** Scripts and styles come from files of this server alone. Libraries of the pages set styles of elements. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join('; ');

const fixedHeaders: readonly [string, string][] = [
  ['content-security-policy', policy],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['permissions-policy', 'camera=(), geolocation=(), microphone=()'],
  ['cache-control', 'no-store'],
];

interface Gate {
  isOwnHost: (host: string) => boolean;
  /** Called after a failure of the code behind the gate. */
  onError: (error: unknown) => void;
}

/** Browsers load a page of bull-board with some thirty requests, and ask a few times a minute after that. */
const burst = 400;
const perSecond = 40;

export function guarded(
  handle: (...args: Parameters<RequestListener>) => Promise<void>,
  gate: Gate,
): RequestListener {
  const budget = new RequestBudget(burst, perSecond);
  return (request, response) => {
    for (const [name, value] of fixedHeaders) response.setHeader(name, value);
    const refusal = refusalOf(request, gate, budget);
    if (refusal) return refuse(response, ...refusal);
    handle(request, response).catch((error: unknown) => {
      gate.onError(error);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'see the log of the dashboard');
    });
  };
}

type Refusal = [status: number, words: string];

function refusalOf(
  request: IncomingMessage,
  { isOwnHost }: Gate,
  budget: RequestBudget,
): Refusal | undefined {
  const { method = '', url = '', headers, rawHeaders, socket } = request;
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1) return [400, 'one Host is needed'];
  if (!isOwnHost(headers.host ?? '')) return [421, 'not a name of this server'];
  if (!budget.take(socket.remoteAddress ?? 'socket')) return [429, 'too many requests'];
  if (url.length > maxTargetLength) return [414, 'too long'];
  if (headers.upgrade !== undefined) return [400, 'HTTP/1.1 alone'];
  if (!isPlainTarget(url)) return [400, 'not a plain path'];
  if (!isOwnPage(headers)) return [403, 'asked by a page of another origin'];
  if (method === 'GET' || method === 'HEAD') {
    return hasBody(headers) ? [400, 'a body without a use'] : undefined;
  }
  return method === 'POST' ? formRefusal(headers) : [405, 'GET, HEAD or POST'];
}

/**
 * A path as it stands on this server: nothing that two readers could take for different paths, such as an encoded slash
 * or dot, a backslash, or a dot segment.
 */
function isPlainTarget(url: string): boolean {
  const [path = ''] = url.split('?', 1);
  if (!/^\/(?!\/)[\w.~!$&'()*+,;=:@/%-]*$/.test(path) || path.includes('//')) return false;
  if (/%(?![\da-f]{2})|%(?:[01][\da-f]|2[ef5]|5c|7f)/i.test(path)) return false;
  return !path.split('/').some((segment) => segment === '.' || segment === '..');
}

/** Pages of other origins may lead here by a link, and load or send nothing (https://web.dev/articles/fetch-metadata). */
function isOwnPage(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

function hasBody(headers: IncomingMessage['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function formRefusal(headers: IncomingMessage['headers']): Refusal | undefined {
  const length = headers['content-length'];
  if (length === undefined || headers['transfer-encoding'] !== undefined) return [411, 'a length is needed'];
  if (!/^\d{1,9}$/.test(length) || Number(length) > maxBodyBytes) return [413, 'too large'];
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1);
  return type.trim().toLowerCase() === formType ? undefined : [415, `${formType} is needed`];
}

/** Closes the connection: what follows on it may be a body that was not read. */
function refuse(response: ServerResponse, status: number, words: string): void {
  const text = `${words}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
