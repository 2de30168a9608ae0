/** What gpg says for programs on its status descriptor (GnuPG, doc/DETAILS), and whose signature it speaks of. */
import { refusalOf, type PublicKey, type Refusal, type SigningKey } from './signing-key.ts';

/** The words of each line: a keyword and its arguments. */
export function readStatus(text: string): string[][] {
  return text.split('\n').flatMap((line) => (line.startsWith('[GNUPG:] ') ? [line.split(' ').slice(1)] : []));
}

/** VALIDSIG: fingerprint, date, time, expiry, version, reserved, algorithm, hash, class, the primary key's fingerprint. */
export interface ValidSignature {
  /** Of the key or subkey that made it. */
  fingerprint: string;
  primary: string;
  /** Seconds since 1970. */
  made: number;
  /** By its number in OpenPGP. */
  hash: string;
  /** Its type: 00 of a document, 01 of a text. */
  kind: string;
}

export function readValid(words: readonly string[]): ValidSignature {
  const [, fingerprint = '', , time, , , , , hash = '', kind = '', primary = ''] = words;
  return { fingerprint, primary, made: Number(time), hash, kind };
}

/** What gpg holds against a key today says nothing: whether it counts when it signed is decided as for packages. */
export function judgeSigner(
  { fingerprint, primary, made }: ValidSignature,
  keys: readonly PublicKey[],
): SigningKey | Refusal | undefined {
  const key = keys.find((one) => one.fingerprint === primary);
  const signer = key?.signers.find((one) => one.fingerprint === fingerprint);
  return signer && (refusalOf(signer, made) ?? signer);
}
