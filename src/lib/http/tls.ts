/** Whom this host believes to be who they say, and what TLS fails with, as people say it. */
import { getCACertificates } from 'node:tls';

/** PEM: the host's own certificate store as well, for a company's servers are signed by its own authority. */
export const knownAuthorities = (): string[] => [
  ...new Set([...getCACertificates('default'), ...getCACertificates('system')]),
];

/** OpenSSL's and Node's words for a certificate that does not hold, and for what a server says of ours. */
const untrusted = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|ERR_SSL_.*ALERT)/;
/** OpenSSL's names for what a server answers that speaks another protocol. */
const noTls = /^(?:EPROTO|ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/;

/** Of a certificate, or of ours for the other side: waiting does not change that. */
export const isUntrusted = (error: unknown): boolean => untrusted.test(codeOf(error));

/** The other side answers something else than TLS. */
export const isPlainServer = (error: unknown): boolean => noTls.test(codeOf(error));

/** The other side speaks TLS, whatever it said. */
export const failsInTls = (error: unknown): boolean =>
  !isPlainServer(error) && (isUntrusted(error) || /^ERR_(?:TLS|SSL)_/.test(codeOf(error)));

/** OpenSSL's words are for those who know it, and Node adds advice about its own command line. */
export function wordsOf(error: Error): string {
  const code = codeOf(error);
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name';
  if (/^(?:DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code)) {
    return `no authority that this host trusts has signed its certificate (${code})`;
  }
  return isPlainServer(error) ? 'it does not answer with TLS' : error.message || code;
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException | undefined)?.code ?? '';
