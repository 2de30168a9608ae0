/** The address of a registry's API, and whether it uses TLS. */
import { send, type Tls } from '../http/request.ts';
import { failsInTls } from '../http/tls.ts';
import { certificatesFor } from './certificates.ts';
import type { Environment } from './credentials.ts';
import { apiHost, isLoopback } from './reference.ts';

export interface Endpoint {
  /** Scheme, host and port. */
  origin: string;
  /** TLS settings for that host. */
  tls?: Tls | undefined;
}

export interface EndpointOptions {
  /** Use plain HTTP, even if the registry has TLS. */
  plainHttp?: boolean | undefined;
  /** TLS without a verified certificate, or plain HTTP: registries.conf allows it. */
  insecure?: boolean | undefined;
  environment?: Environment | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * TLS, unless plain HTTP is requested. Traffic to a registry on this host cannot be intercepted, so such a one may use
 * either; TLS is tried first, as docker does. Throws CREDENTIALS_INVALID.
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

/** A registry that cannot be reached counts as plain HTTP: its first request then reports why. */
async function speaksTls(url: URL, tls: Tls | undefined, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const response = await send(url, { method: 'HEAD', tls, signal });
    await response.body.dump();
    return true;
  } catch (error) {
    return failsInTls((error as Error).cause);
  }
}
