/** Whether a signature is one, and of which key it says to be. */
import { verify } from 'node:crypto';
import type { PublicKey } from './public-key.ts';

export function isSignatureValid(
  { key, hashes }: PublicKey,
  content: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return hashes.some((hash) => verify(hash, content, key, signature));
  } catch {
    // OpenSSL throws at some of what is no signature at all.
    return false;
  }
}

/**
 * Annotation of ours on a signature's layer: the hint of the key that made it. A legacy signature does not tell, and
 * without it a damaged one looks like one of another key. It is signed by nobody and decides nothing but which
 * reason a refusal gives.
 */
export const keyHintAnnotation = 'io.milliner.key-hint';
