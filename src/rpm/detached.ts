/**
 * Detached OpenPGP signatures, such as repomd.xml.asc: gpg verifies, in a keyring of the trusted keys only. Keys must be
 * valid today, and not when the signature was made: metadata says what is current.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readStatus } from './gpgstatus.ts';
import { isolateKeys } from './keyring.ts';
import { gpg, readKeys, withDirectory, type KeyOptions, type TrustedKey } from './keys.ts';

/** The fingerprint of the primary key that signed, or why none of the trusted keys is known to have. */
export type DetachedVerdict = { fingerprint: string } | { problem: string };

/**
 * One good signature by a trusted key is enough, as in dnf: while keys change, metadata is signed with both.
 * Throws KEY_INVALID.
 */
export async function verifyDetached(
  content: Buffer,
  signature: Buffer,
  trusted: readonly TrustedKey[],
  options: KeyOptions = {},
): Promise<DetachedVerdict> {
  const keys = await readKeys(trusted, options);
  return withDirectory(options, async (directory) => {
    const home = join(directory, 'home');
    await mkdir(home, { mode: 0o700 });
    await gpg(home, ['--import', '--', ...(await isolateKeys(trusted, directory, options))], options);
    const [data, signed] = [join(directory, 'data'), join(directory, 'data.asc')];
    await writeFile(data, content);
    await writeFile(signed, signature);
    const args = ['--trust-model', 'always', '--status-fd', '1', '--verify', '--', signed, data];
    const { stdout } = await gpg(home, args, options);
    const makers = goodSignatures(stdout);
    const fingerprint = makers.find((maker) => keys.some((key) => key.fingerprint === maker));
    return fingerprint === undefined ? { problem: problemOf(stdout) } : { fingerprint };
  });
}

/**
 * Primary fingerprints: the last field of VALIDSIG (gpg's doc/DETAILS), which alone says too little: it also follows
 * EXPSIG, EXPKEYSIG and REVKEYSIG.
 */
function goodSignatures(text: string): string[] {
  const makers: string[] = [];
  let good = false;
  for (const words of readStatus(text)) {
    if (words[0] === 'NEWSIG') good = false;
    if (words[0] === 'GOODSIG') good = true;
    if (words[0] === 'VALIDSIG' && good) makers.push(words.at(-1) ?? '');
  }
  return makers;
}

const problems: Record<string, (words: readonly string[]) => string> = {
  BADSIG: () => 'has a signature that does not verify',
  EXPSIG: () => 'has a signature that has expired',
  EXPKEYSIG: ([, key]) => `is signed by key ${key}, which has expired`,
  REVKEYSIG: ([, key]) => `is signed by key ${key}, which was revoked`,
  NO_PUBKEY: ([, key]) => `is signed by key ${key}, which the recipe does not name`,
  ERRSIG: ([, key]) => `has a signature by key ${key} that gpg cannot check`,
};

function problemOf(text: string): string {
  const found = readStatus(text);
  for (const [word, tell] of Object.entries(problems)) {
    const words = found.find((candidate) => candidate[0] === word);
    if (words) return tell(words);
  }
  return 'has a signature file that holds no signature';
}
