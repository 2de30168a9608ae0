/**
 * OpenPGP messages that contain the signed content, such as signatures of containers (containers-signature(5)). gpg
 * opens them in a keyring with only one file's keys. As for packages, the time of the signature decides whether a key
 * counts.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { judgeSigner, readStatus, readValid, type ValidSignature } from './gpg-status.ts';
import { gpg, importKeys, readKeys, withDirectory, type KeyOptions } from './keys.ts';
import type { PublicKey } from './signing-key.ts';

export interface OpenedMessage {
  content: Buffer;
  /** Fingerprint of the key or subkey that signed, upper-case hex. */
  fingerprint: string;
}

/**
 * `altered`: not a message as its maker wrote it; `unknown-key`: by no key of the file; `refused`: valid, but does not
 * count.
 */
export interface MessageProblem {
  problem: 'altered' | 'unknown-key' | 'refused';
  message: string;
}

/** Bytes of decompressed content. */
const maxContentBytes = 65_536;
/** SHA-256, SHA-384, SHA-512, by their numbers in OpenPGP. */
const strongHashes = ['8', '9', '10'];
const documentClasses = ['00', '01'];
/** Status words for one good signature and its content. Any other word means that there was something else. */
const expected = new Set(
  'NEWSIG GOODSIG EXPKEYSIG VALIDSIG PLAINTEXT PLAINTEXT_LENGTH KEY_CONSIDERED KEYEXPIRED SIG_ID'.split(' '),
);
const harmless = /^(?:NOTATION_|TRUST_|VERIFICATION_COMPLIANCE_MODE$|PROGRESS$)/;

/** The content of each message, or the reason why it does not count. Throws KEY_INVALID. */
export async function openMessages(
  messages: readonly Buffer[],
  file: string,
  options: KeyOptions = {},
): Promise<(OpenedMessage | MessageProblem)[]> {
  if (messages.length === 0) return [];
  const keys = await readKeys([{ file }], options);
  return withDirectory(options, async (directory) => {
    const home = join(directory, 'home');
    await mkdir(home, { mode: 0o700 });
    await importKeys(home, file, options);
    const opened: (OpenedMessage | MessageProblem)[] = [];
    for (const message of messages) opened.push(await open(message, home, keys, options));
    return opened;
  });
}

async function open(
  message: Buffer,
  home: string,
  keys: readonly PublicKey[],
  options: KeyOptions,
): Promise<OpenedMessage | MessageProblem> {
  const [signed, content] = [join(home, 'message'), join(home, 'content')];
  await writeFile(signed, message);
  await rm(content, { force: true });
  // Without --no-armor, gpg could accept a text that only looks signed.
  const bounds = ['--no-armor', '--max-output', String(maxContentBytes), '--output', content];
  const args = ['--trust-model', 'always', '--status-fd', '1', ...bounds, '--verify', '--', signed];
  const { stdout } = await gpg(home, args, options);
  const status = readStatus(stdout);
  const valid = onlySignature(status);
  if (!valid) return problemOf(status);
  const refusal = refusalOfSignature(valid, keys);
  if (refusal) return refusal;
  return { content: await readFile(content), fingerprint: valid.fingerprint };
}

/** The signature, if there is exactly one good one over one content, and nothing else. */
function onlySignature(status: readonly string[][]): ValidSignature | undefined {
  const count = (...words: string[]) => status.filter(([word]) => words.includes(word!)).length;
  const isAlone = ['NEWSIG', 'VALIDSIG', 'PLAINTEXT'].every((word) => count(word) === 1);
  const isKnown = status.every(([word = '']) => expected.has(word) || harmless.test(word));
  if (!isAlone || !isKnown || count('GOODSIG', 'EXPKEYSIG') !== 1) return undefined;
  return readValid(status.find(([word]) => word === 'VALIDSIG')!);
}

function refusalOfSignature(valid: ValidSignature, keys: readonly PublicKey[]): MessageProblem | undefined {
  const { fingerprint, hash, kind } = valid;
  const signer = judgeSigner(valid, keys);
  if (!signer)
    return { problem: 'unknown-key', message: `is signed by ${fingerprint}, which is not a key of the file` };
  if (!documentClasses.includes(kind))
    return { problem: 'altered', message: 'holds a signature of something else' };
  if (!strongHashes.includes(hash)) {
    return { problem: 'refused', message: `is signed by key ${fingerprint} with a hash that is too weak` };
  }
  return 'problem' in signer ? { problem: 'refused', message: signer.message } : undefined;
}

function problemOf(status: readonly string[][]): MessageProblem {
  const isAlone = status.filter(([word]) => word === 'NEWSIG').length === 1;
  const words = new Map(isAlone ? status.map((one) => [one[0], one]) : []);
  const key = (word: string) => words.get(word)?.[1] ?? '';
  if (words.has('REVKEYSIG')) {
    return { problem: 'refused', message: `is signed by key ${key('REVKEYSIG')}, which was revoked` };
  }
  if (words.has('EXPSIG')) return { problem: 'refused', message: 'has a signature that has expired' };
  if (words.has('NO_PUBKEY') && !words.has('BADSIG')) {
    return { problem: 'unknown-key', message: `is signed by key ${key('NO_PUBKEY')}` };
  }
  if (words.has('ERRSIG')) {
    return { problem: 'refused', message: `has a signature by key ${key('ERRSIG')} that gpg does not check` };
  }
  return { problem: 'altered', message: 'is not one signed message as its maker wrote it' };
}
