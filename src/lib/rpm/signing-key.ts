/** Keys and subkeys with their times, and the one rule for which of them a signature of which time counts. */

export interface PublicKey {
  /** The key file that it came from. */
  file: string;
  /** Of the primary key: upper-case hex. */
  fingerprint: string;
  /** The primary key, and its subkeys. */
  signers: SigningKey[];
}

export interface SigningKey {
  /** Upper-case hex. */
  fingerprint: string;
  /** For which it counts for nothing, whenever it signed. */
  fault: KeyFault | undefined;
  /** `RSA 4096`, or the name that gpg has for its curve. */
  kind: string;
  /** It is meant for signatures of documents: not for other keys or for encryption alone. */
  canSign: boolean;
  /** Seconds since 1970: a subkey lives no longer than its primary key. */
  created: number;
  /** Infinity: never. */
  expires: number;
}

/**
 * `invalid`: nothing in its file that gpg believes says what it is for and how long: it has no name that it vouches for
 * itself, or a subkey no primary key that does. Whether such a one was revoked or has expired, nobody can tell.
 */
export type KeyFault = 'revoked' | 'invalid';

export interface Refusal {
  problem: 'revoked-key' | 'invalid-key' | 'expired-key' | 'early-key' | 'other-key-use';
  message: string;
}

/**
 * Why a signature of that time by that key does not count; undefined where it does. All that is signed with OpenPGP is
 * held to this: packages, metadata, signatures of containers. The time of the signature decides: what was signed in
 * time stays what it was when its maker's key expires. A revoked key counts for nothing, since whoever has stolen it
 * writes whatever time he likes. The host's clock has no say: a build is the same at any time.
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
 * gpg's doc/DETAILS: pub or sub records, each followed by its fpr record. Field 2 tells revoked and invalid ones, and
 * also those that have expired by now, which says nothing of what was signed before: fields 6 and 7 are the times.
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

/** Numbers of RFC 9580, 9.1. */
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
