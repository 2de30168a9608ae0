/** Public keys of others that sign images: one PEM key, or an OpenPGP keyring. The content of the file tells which. */
import { readFile } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { keyBlockOf } from '../../lib/rpm/key-block.ts';
import { readKeys, type KeyOptions } from '../../lib/rpm/keys.ts';
import type { PublicKey as OpenPgpKey, SigningKey } from '../../lib/rpm/signing-key.ts';
import { readPublicKey, type PublicKey } from '../../stages/sign/public-key.ts';

export interface Keyring {
  /** Path of the key file. */
  path: string;
  /** Fingerprints of the primary keys that are neither revoked nor invalid, in upper-case hexadecimal. */
  fingerprints: string[];
  /** Fingerprints of the signing subkeys. */
  subkeys: string[];
}

export type SignerKey = { format: 'pem'; key: PublicKey } | { format: 'openpgp'; keyring: Keyring };

/** The same kinds as for PEM. A shorter key can be forged; a longer or rarer one cannot be read by all clients. */
const acceptedKinds = ['nistp256', 'nistp384', 'nistp521', 'ed25519'];
const rsaBits = { min: 2048, max: 4096 };

/** The ids of a signer for a record: sigstore's hint, or fingerprints. */
export function idsOf(signer: SignerKey): string[] {
  return signer.format === 'pem'
    ? [signer.key.hint]
    : [...signer.keyring.fingerprints, ...signer.keyring.subkeys];
}

export function pemKeys(signers: readonly SignerKey[]): PublicKey[] {
  return signers.flatMap((signer) => (signer.format === 'pem' ? [signer.key] : []));
}

/** Throws KEY_FILE_INVALID. */
export async function readSignerKey(path: string, options: KeyOptions = {}): Promise<SignerKey> {
  const bytes = await readKeyFile(path);
  const block = keyBlockOf(bytes);
  if (!block) return { format: 'pem', key: readPublicKey(bytes.toString(), path) };
  if (block.secrecy === 'private') {
    throw refused(path, 'is an OpenPGP private key', 'Export its public half with gpg --export KEY > FILE.');
  }
  if (!block.isWhole) throw refused(path, 'is an OpenPGP key file that was cut short or damaged');
  const keys = await readKeys([{ file: path }], options).catch((cause: unknown) => {
    if (!(cause instanceof MillinerError) || cause.code !== 'KEY_INVALID') throw cause;
    throw refused(path, 'holds no OpenPGP public key that gpg reads', undefined, cause);
  });
  return { format: 'openpgp', keyring: keyringOf(path, keys) };
}

/** A key that signs statements, which keys of OpenPGP do not. Throws KEY_FILE_INVALID. */
export async function requirePemKey(path: string, signal?: AbortSignal): Promise<PublicKey> {
  const signer = await readSignerKey(path, { signal });
  if (signer.format === 'pem') return signer.key;
  throw refused(path, 'is a key of OpenPGP, which signs neither statements of tags nor bills of materials');
}

/** A client accepts a signature of any key in the file, so one weak key makes the whole file weak. */
function keyringOf(path: string, keys: readonly OpenPgpKey[]): Keyring {
  const valid = keys.filter(({ signers }) => !signers[0]!.fault);
  const signers = valid.flatMap((key) => key.signers.filter((one) => one.canSign && !one.fault));
  const bad = signers.find((signer) => !isAccepted(signer));
  if (bad) {
    const kinds = 'RSA of 2048 to 4096 bits, ECDSA on nistp256, nistp384 or nistp521, or ed25519';
    throw refused(path, `holds the key ${bad.fingerprint}, whose kind (${bad.kind}) is not one of ${kinds}`);
  }
  if (signers.length === 0)
    throw refused(path, 'holds no OpenPGP key that signs documents and is neither revoked nor invalid');
  const fingerprints = valid.map(({ fingerprint }) => fingerprint);
  const subkeys = signers.map(({ fingerprint }) => fingerprint).filter((one) => !fingerprints.includes(one));
  return { path, fingerprints, subkeys };
}

function isAccepted({ kind }: SigningKey): boolean {
  const bits = Number(/^RSA (\d+)$/.exec(kind)?.[1] ?? 0);
  return acceptedKinds.includes(kind) || (bits >= rsaBits.min && bits <= rsaBits.max);
}

/** Throws KEY_FILE_INVALID. */
async function readKeyFile(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    const hint = 'Name a key file, or make a new pair with milliner key generate.';
    throw refused(path, `cannot be read: ${error.code}`, hint, error);
  });
}

/** Throws KEY_FILE_INVALID. */
export async function readKeyText(path: string): Promise<string> {
  return (await readKeyFile(path)).toString();
}

function refused(path: string, what: string, hint?: string, cause?: unknown): MillinerError {
  return new MillinerError('KEY_FILE_INVALID', `${path} ${what}`, {
    cause,
    ...(hint !== undefined && { hint }),
  });
}
