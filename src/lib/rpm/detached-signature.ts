/**
 * Detached OpenPGP signatures, such as repomd.xml.asc: gpg verifies, in a keyring of the trusted keys only. The time of
 * the signature decides whether a key counts, as for packages: how current metadata is, its revision tells.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { judgeSigner, readStatus, readValid } from './gpg-status.ts';
import { gpg, importKeys, readKeys, withDirectory, type KeyOptions, type TrustedKey } from './keys.ts';
import { isolateKeys } from './rpm-keyring.ts';
import { refusalOf, type PublicKey } from './signing-key.ts';

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
    for (const file of await isolateKeys(trusted, directory, options)) await importKeys(home, file, options);
    const [data, signed] = [join(directory, 'data'), join(directory, 'data.asc')];
    await writeFile(data, content);
    await writeFile(signed, signature);
    const args = ['--trust-model', 'always', '--status-fd', '1', '--verify', '--', signed, data];
    const { stdout } = await gpg(home, args, { ...options, reads: [data, signed] });
    return judge(readStatus(stdout), keys);
  });
}

/** gpg speaks of one signature after the other; VALIDSIG says too little: it also follows BADSIG's kin. */
function judge(status: readonly string[][], keys: readonly PublicKey[]): DetachedVerdict {
  let reason: string | undefined;
  let isGood = false;
  for (const words of status) {
    if (words[0] === 'NEWSIG') isGood = false;
    if (words[0] === 'GOODSIG' || words[0] === 'EXPKEYSIG') isGood = true;
    if (words[0] !== 'VALIDSIG' || !isGood) continue;
    const valid = readValid(words);
    const signer = judgeSigner(valid, keys);
    if (signer && !('problem' in signer)) return { fingerprint: valid.primary };
    reason ??= signer?.message;
  }
  return { problem: reason ?? problemOf(status, keys) };
}

const problems: Record<string, (words: readonly string[]) => string> = {
  BADSIG: () => 'has a signature that does not verify',
  EXPSIG: () => 'has a signature that has expired',
  REVKEYSIG: ([, key]) => `is signed by key ${key}, which was revoked`,
  NO_PUBKEY: ([, key]) => `is signed by key ${key}, which the recipe does not name`,
  ERRSIG: ([, key]) => `has a signature by key ${key} that gpg cannot check`,
};

function problemOf(status: readonly string[][], keys: readonly PublicKey[]): string {
  for (const [word, describe] of Object.entries(problems)) {
    const words = status.find((candidate) => candidate[0] === word);
    if (!words) continue;
    const [, id = ''] = words;
    // gpg does not know what it would not take.
    const invalid = keys.flatMap(({ signers }) => signers).find((one) => one.fingerprint.endsWith(id));
    return (
      (word === 'NO_PUBKEY' && invalid && refusalOf(invalid, invalid.created)?.message) || describe(words)
    );
  }
  return 'has a signature file that holds no signature';
}
