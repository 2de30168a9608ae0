/** Reads gpg's status output (GnuPG, doc/DETAILS), and finds whose signature it reports. */
import { refusalOf, type PublicKey, type Refusal, type SigningKey } from './signing-key.ts';

/** Each line as a keyword and its arguments. */
export function readStatus(text: string): string[][] {
  return text.split('\n').flatMap((line) => (line.startsWith('[GNUPG:] ') ? [line.split(' ').slice(1)] : []));
}

/** VALIDSIG: fingerprint, date, time, expiry, version, reserved, algorithm, hash, class, the primary key's fingerprint. */
export interface ValidSignature {
  /** Fingerprint of the key or subkey that signed. */
  fingerprint: string;
  primary: string;
  /** Seconds since 1970. */
  made: number;
  /** Number of the hash algorithm in OpenPGP. */
  hash: string;
  /** Type of the signature: 00 for a document, 01 for a text. */
  kind: string;
}

export function readValid(words: readonly string[]): ValidSignature {
  const [, fingerprint = '', , time, , , , , hash = '', kind = '', primary = ''] = words;
  return { fingerprint, primary, made: Number(time), hash, kind };
}

/** The current state of a key in gpg is ignored: as for packages, its state at the time of the signature counts. */
export function judgeSigner(
  { fingerprint, primary, made }: ValidSignature,
  keys: readonly PublicKey[],
): SigningKey | Refusal | undefined {
  const key = keys.find((one) => one.fingerprint === primary);
  const signer = key?.signers.find((one) => one.fingerprint === fingerprint);
  return signer && (refusalOf(signer, made) ?? signer);
}
