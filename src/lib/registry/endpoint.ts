/** Where a registry's API is, and how it is spoken to. */
import { send, type Tls } from '../http/request.ts';
import { failsInTls } from '../http/tls.ts';
import { certificatesFor } from './certificates.ts';
import type { Environment } from './credentials.ts';
import { apiHost, isLoopback } from './reference.ts';

export interface Endpoint {
  /** Scheme, host and port. */
  origin: string;
  /** For that host alone. */
  tls?: Tls | undefined;
}

export interface EndpointOptions {
  /** Without TLS, whatever it has. */
  plainHttp?: boolean | undefined;
  /** With TLS that nobody need vouch for, or without: registries.conf says so. */
  insecure?: boolean | undefined;
  environment?: Environment | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * With TLS, but where plain HTTP is asked for. On this host, where nobody listens, a registry may have either: it is
 * asked for TLS first, as docker does. Throws CREDENTIALS_INVALID.
 */
export async function findEndpoint(
  registry: string,
  { plainHttp = false, insecure = false, environment, signal }: EndpointOptions = {},
): Promise<Endpoint> {
  const host = apiHost(registry);
  if (plainHttp) return { origin: `http://${host}` };
  const found = await certificatesFor(registry, environment);
  const tls = insecure ? { ...found, unverified: true } : found;
  const isPlain =
    (insecure || isLoopback(registry)) && !(await speaksTls(new URL(`https://${host}/v2/`), tls, signal));
  return isPlain ? { origin: `http://${host}` } : { origin: `https://${host}`, tls };
}

/** One that cannot be reached is taken for plain: its own request says why. */
async function speaksTls(url: URL, tls: Tls | undefined, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const response = await send(url, { method: 'HEAD', tls, signal });
    await response.body.dump();
    return true;
  } catch (error) {
    return failsInTls((error as Error).cause);
  }
}
