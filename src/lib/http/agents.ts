/** The connections to servers. This module alone loads undici, which takes longer to load than a third of a command's start. */
import type { Readable } from 'node:stream';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici';
import { forgetBetweenJobs } from '../host/process-memory.ts';
import { defaultTimeout } from './access.ts';
import { publicLookup } from './reach.ts';
import { isLoopbackHost, type HttpRequest, type HttpResponse, type Tls } from './request.ts';
import { knownAuthorities } from './tls.ts';

const connectMilliseconds = 15_000;

interface Agents {
  /** Uses the environment's proxy, if it names one. */
  outside: Dispatcher;
  /** Never uses a proxy, which could not reach loopback; clients written in Go do the same. */
  loopback: Dispatcher;
}
/**
 * By the settings in which connections differ: the PEM texts of an access, and whether only public addresses are
 * allowed.
 */
const agentsByKey = new Map<string, Agents>();

forgetBetweenJobs(async () => {
  const agents = [...agentsByKey.values()];
  agentsByKey.clear();
  for (const { outside, loopback } of agents) await Promise.all([outside.destroy(), loopback.destroy()]);
});

/** One request and its response, whatever that is. Throws what undici throws. */
export function exchange(url: URL, options: HttpRequest, isPublicOnly: boolean): Promise<HttpResponse> {
  return request(url, {
    dispatcher: agentFor(url, options.tls ?? {}, isPublicOnly),
    method: options.method ?? 'GET',
    headers: { 'user-agent': 'milliner', 'accept-encoding': 'identity', ...options.headers },
    // undici takes any iterable; its types do not say so.
    body: (options.body ?? null) as Uint8Array | Readable | null,
    signal: options.signal ?? null,
    ...(options.headersTimeout !== undefined && { headersTimeout: options.headersTimeout }),
  });
}

function agentFor(url: URL, tls: Tls, isPublicOnly: boolean): Dispatcher {
  const key = JSON.stringify([tls, isPublicOnly]);
  const agents = agentsByKey.get(key) ?? makeAgents(tls, isPublicOnly);
  agentsByKey.set(key, agents);
  return isLoopbackHost(url.hostname) ? agents.loopback : agents.outside;
}

let ofHost: SecureContext | undefined;

/** With the host's authorities and nothing of a job. Parsing them takes longer than many a job. */
const hostContext = () => (ofHost ??= createSecureContext({ ca: knownAuthorities() }));

function makeAgents(
  { authorities, added, certificate, unverified = false }: Tls,
  isPublicOnly: boolean,
): Agents {
  const identity = certificate && { cert: certificate.chain, key: certificate.key };
  const ca = authorities ?? [...knownAuthorities(), ...(added ? [added] : [])];
  const isPlain = authorities === undefined && !added && !identity;
  const requestTls = {
    secureContext: isPlain ? hostContext() : createSecureContext({ ca, ...identity }),
    rejectUnauthorized: !unverified,
  };
  const proxyTls = { secureContext: hostContext() };
  const common = {
    // Only for connections to servers: proxies are named by the operator.
    connect: { timeout: connectMilliseconds, ...requestTls, ...(isPublicOnly && { lookup: publicLookup }) },
    headersTimeout: defaultTimeout,
    bodyTimeout: defaultTimeout,
  };
  const outside = new EnvHttpProxyAgent({
    ...common,
    requestTls,
    proxyTls,
    // Plain http is an ordinary proxy request, because many proxies allow CONNECT to port 443 only.
    proxyTunnel: false,
  });
  return { outside, loopback: new Agent(common) };
}
