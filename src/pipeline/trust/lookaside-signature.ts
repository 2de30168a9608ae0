/** Verifies the OpenPGP signatures of an image in the lookaside that this host's registries.d configures. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { readSignatureFiles, type SignatureFile } from '../../lib/registry/lookaside.ts';
import { parseReference } from '../../lib/registry/reference.ts';
import {
  defaultLookaside,
  lookasideOf,
  readRegistriesD,
  registriesDirectory,
} from '../../lib/registry/registries-d.ts';
import { openMessages, type MessageProblem, type OpenedMessage } from '../../lib/rpm/signed-message.ts';
import { refuseAltered } from '../../stages/sign/artifact.ts';
import { isOpenPgpMessage, readAtomicSignature } from '../../stages/sign/atomic-signature.ts';
import { firstValid, wrongKey } from '../../stages/sign/failure-order.ts';
import type { Keyring } from './signer-key.ts';

export interface LookasideSignatures {
  /** The URL of the lookaside. */
  base: URL;
  files: SignatureFile[];
}

export interface FoundSignature {
  /** The signed reference. */
  signed: string;
  /** Fingerprint of the key or subkey that signed. */
  fingerprint: string;
}

/**
 * Looks up the name in the recipe or command, even if the image came from a mirror. Throws REGISTRIES_INVALID,
 * REGISTRY_UNAVAILABLE.
 */
export async function fetchLookaside(
  text: string,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<LookasideSignatures> {
  const reference = parseReference(text);
  const base = lookasideOf(readRegistriesD(registriesDirectory()), reference) ?? defaultLookaside();
  const { repository } = reference;
  const files = await readSignatureFiles(base, { repository, digest }, signal);
  return { base, files: files.filter(({ bytes }) => isOpenPgpMessage(bytes)) };
}

/** Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, SIGNATURE_REFUSED, SIGNED_ELSEWHERE, IMAGE_ALTERED. */
export async function verifyLookaside(
  { base, files }: LookasideSignatures,
  expected: { reference: string; digest: Digest },
  { path }: Keyring,
  signal: AbortSignal | undefined,
): Promise<FoundSignature> {
  const messages = files.map(({ bytes }) => bytes);
  const opened = await openMessages(messages, path, { signal });
  return firstValid(
    files.map(({ name }, index) => ({ name, message: opened[index]! })),
    ({ name, message }) => {
      if ('problem' in message) throw refusalOf(message, name);
      return signatureOf(message, expected, name);
    },
    () =>
      new MillinerError(
        'SIGNATURE_MISSING',
        `${expected.reference} has no OpenPGP signature at ${base.href}`,
      ),
  );
}

function signatureOf(
  { content, fingerprint }: OpenedMessage,
  expected: { reference: string; digest: Digest },
  name: string,
): FoundSignature {
  return { signed: readAtomicSignature(content, expected, name), fingerprint };
}

function refusalOf({ problem, message }: MessageProblem, name: string): MillinerError {
  if (problem === 'unknown-key') return wrongKey(name);
  if (problem === 'altered') return refuseAltered(name)(message);
  return new MillinerError('SIGNATURE_REFUSED', `${name} ${message}`);
}
