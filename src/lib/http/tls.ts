/** Certificate authorities that this host trusts, and readable reasons for TLS failures. */
import { getCACertificates } from 'node:tls';

/** PEM. The host's own certificate store counts too, because a company's own authority signs its servers. */
export const knownAuthorities = (): string[] => [
  ...new Set([...getCACertificates('default'), ...getCACertificates('system')]),
];

/** Error codes of OpenSSL and Node for an invalid certificate, and for a server that rejects ours. */
const untrusted = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|ERR_SSL_.*ALERT)/;
/** OpenSSL's error codes for a server that speaks another protocol. */
const noTls = /^(?:EPROTO|ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/;

/** A certificate was rejected, by either side: a retry cannot succeed. */
export const isUntrusted = (error: unknown): boolean => untrusted.test(codeOf(error));

/** The server does not speak TLS. */
export const isPlainServer = (error: unknown): boolean => noTls.test(codeOf(error));

/** The server speaks TLS, whatever its answer was. */
export const failsInTls = (error: unknown): boolean =>
  !isPlainServer(error) && (isUntrusted(error) || /^ERR_(?:TLS|SSL)_/.test(codeOf(error)));

/** OpenSSL's messages need explanation, and Node adds advice about its own command line. */
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
