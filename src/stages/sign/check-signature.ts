/** Verifies a signature, and tells whose key it claims to be of. */
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
    // OpenSSL throws for some malformed signatures.
    return false;
  }
}

/**
 * Milliner's annotation of a signature's layer: the hint of its key. A signature in the older format does not contain
 * one, so without it a damaged signature looks like one of another key. The annotation is not signed, and only selects
 * the reason of a refusal.
 */
export const keyHintAnnotation = 'io.milliner.key-hint';
