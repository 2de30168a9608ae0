/**
 * Keys and subkeys with their validity, and the one rule that decides whether a key's signature of a given time counts.
 */

export interface PublicKey {
  /** The key file that it came from. */
  file: string;
  /** Fingerprint of the primary key, upper-case hex. */
  fingerprint: string;
  /** The primary key and its subkeys. */
  signers: SigningKey[];
}

export interface SigningKey {
  /** Upper-case hex. */
  fingerprint: string;
  /** A fault that makes each of its signatures worthless, whenever they were made. */
  fault: KeyFault | undefined;
  /** `RSA 4096`, or gpg's name of its curve. */
  kind: string;
  /** Whether it may sign documents, not only other keys, and not only encrypt. */
  canSign: boolean;
  /** Seconds since 1970. A subkey expires no later than its primary key. */
  created: number;
  /** Infinity: it does not expire. */
  expires: number;
}

/**
 * `invalid`: gpg finds nothing valid in the file that states the key's purpose and lifetime. A primary key has no
 * self-signed name, or a subkey has no primary key that signed it. So it is unknown whether the key was revoked or has
 * expired.
 */
type KeyFault = 'revoked' | 'invalid';

export interface Refusal {
  problem: 'revoked-key' | 'invalid-key' | 'expired-key' | 'early-key' | 'other-key-use';
  message: string;
}

/**
 * Why a key's signature of that time does not count; undefined if it does. This rule applies to all OpenPGP signatures:
 * of packages, metadata and containers. A signature made before the key expired stays valid. A revoked key's signatures
 * never count, because a thief of the key can state any time. The host's clock is not used, so a build gives the same
 * result at any time.
 */
export function refusalOf(key: SigningKey, made: number): Refusal | undefined {
  const signed = `is signed by key ${key.fingerprint}`;
  if (key.fault === 'revoked') return { problem: 'revoked-key', message: `${signed}, which was revoked` };
  if (key.fault === 'invalid') {
    return { problem: 'invalid-key', message: `${signed}, for which nothing in its file vouches` };
  }
  if (!key.canSign) {
    return { problem: 'other-key-use', message: `${signed}, which is not meant for signing documents` };
  }
  if (made >= key.expires) {
    return {
      problem: 'expired-key',
      message: `${signed}, which had expired ${dateOf(key.expires)} before that`,
    };
  }
  if (made < key.created) {
    return { problem: 'early-key', message: `${signed}, which is not valid before ${dateOf(key.created)}` };
  }
  return undefined;
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

const faults: Record<string, KeyFault> = { r: 'revoked', i: 'invalid' };

/**
 * Format of gpg's doc/DETAILS: pub or sub records, each followed by its fpr record. Field 2 marks revoked and invalid
 * keys. It also marks keys that have expired by now, which is ignored: fields 6 and 7 have the times.
 */
export function parseColons(file: string, text: string): PublicKey[] {
  const keys: PublicKey[] = [];
  let open: { isPrimary: boolean; signer: Omit<SigningKey, 'fingerprint'> } | undefined;
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    const [kind, validity = '', , , , created, expires, , , fingerprint = ''] = fields;
    if (kind === 'pub' || kind === 'sub') {
      const times = { created: Number(created), expires: expires ? Number(expires) : Infinity };
      const uses = { kind: kindOf(fields), canSign: fields[11]?.includes('s') ?? false };
      open = { isPrimary: kind === 'pub', signer: { fault: faults[validity], ...uses, ...times } };
    } else if (kind === 'fpr' && open) {
      const signer = { ...open.signer, fingerprint };
      if (open.isPrimary) keys.push({ file, fingerprint, signers: [signer] });
      else addSubkey(keys.at(-1)!, signer);
      open = undefined;
    }
  }
  return keys;
}

/** Algorithm numbers of RFC 9580, 9.1. */
const algorithms: Record<string, string> = { 1: 'RSA', 2: 'RSA', 3: 'RSA', 16: 'Elgamal', 17: 'DSA' };

function kindOf(fields: readonly string[]): string {
  const [, , length, algorithm = ''] = fields;
  return fields[16] || `${algorithms[algorithm] ?? `algorithm ${algorithm},`} ${length}`;
}

function addSubkey({ signers }: PublicKey, subkey: SigningKey): void {
  const [primary] = signers;
  signers.push({
    ...subkey,
    fault: primary!.fault ?? subkey.fault,
    created: Math.max(subkey.created, primary!.created),
    expires: Math.min(subkey.expires, primary!.expires),
  });
}
