/** Where the dashboard listens: a port of loopback, a unix socket, or with TLS any address. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { isLoopbackAuthority } from '../lib/http/listener.ts';
import { isLoopbackHost } from '../lib/http/request.ts';

export type ListenPlace = { socket: string } | { host: string; port: number };

const loopback = '127.0.0.1';
const portSchema = z.coerce.number().int().min(0).max(65_535);

/** PORT, HOST:PORT, [IPV6]:PORT, or a path with a slash. Throws USAGE. */
export function parseListen(text: string): ListenPlace {
  if (text.includes('/')) return { socket: resolve(text) };
  const [, host = loopback, digits] = /^(?:(\[[\da-fA-F:.]+\]|[\w.-]+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = portSchema.safeParse(digits);
  if (digits !== undefined && port.success)
    return { host: host.replace(/^\[(.*)\]$/, '$1'), port: port.data };
  throw new MillinerError('USAGE', `--listen ${text} is not PORT, HOST:PORT or a path with a slash`);
}

export interface Identity {
  /** PEM: the certificate with those of its authorities. */
  cert: string;
  key: string;
}

/** Throws CERTIFICATE_INVALID. */
export function checkIdentity({ cert, key }: Identity): X509Certificate {
  const invalid = (what: string, cause?: unknown) =>
    new MillinerError('CERTIFICATE_INVALID', what, { cause });
  let certificate: X509Certificate;
  let fits: boolean;
  try {
    certificate = new X509Certificate(cert);
    fits = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw invalid('--tls-cert or --tls-key is not in PEM, or the key has a password', cause);
  }
  if (!fits) throw invalid('--tls-key is not the key of --tls-cert');
  if (certificate.validToDate < new Date()) throw invalid('--tls-cert has expired');
  return certificate;
}

/**
 * Throws LISTEN_UNSAFE. Without TLS, others on the network could read along, and take the session of who has the token.
 */
export function requireSafeListen(place: ListenPlace, certificate: X509Certificate | undefined): void {
  if (isLocal(place) || certificate) return;
  const { host, port } = place as { host: string; port: number };
  throw new MillinerError('LISTEN_UNSAFE', `${host}:${port} is not loopback, and there is no certificate`, {
    details: { host, port },
  });
}

/** Whether only programs of this host get there. */
export function isLocal(place: ListenPlace): boolean {
  return 'socket' in place || isLoopbackHost(place.host);
}

/**
 * Decides which Host a request may name. A socket is for its owner alone, and a server in front of it gives any name:
 * browsers cannot reach it by themselves.
 */
export function hostCheck(
  place: ListenPlace,
  certificate: X509Certificate | undefined,
): (host: string) => boolean {
  if ('socket' in place) return () => true;
  return (host) => {
    if (isLocal(place) && isLoopbackAuthority(host)) return true;
    return certificate !== undefined && isNameOf(certificate, host);
  };
}

function isNameOf(certificate: X509Certificate, authority: string): boolean {
  const [, host = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(authority) ?? [];
  const name = host.replace(/^\[(.*)\]$/, '$1');
  return isIP(name)
    ? certificate.checkIP(name) !== undefined
    : name !== '' && certificate.checkHost(name) !== undefined;
}
