/**
 * Detached OpenPGP signatures, such as repomd.xml.asc. gpg verifies them in a keyring with only the trusted keys. As
 * for packages, the time of the signature decides whether a key counts; the revision of the metadata shows how current
 * it is.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { judgeSigner, readStatus, readValid } from './gpg-status.ts';
import { gpg, importKeys, readKeys, withDirectory, type KeyOptions, type TrustedKey } from './keys.ts';
import { isolateKeys } from './rpm-keyring.ts';
import { refusalOf, type PublicKey } from './signing-key.ts';

/** The fingerprint of the primary key that signed, or the reason why no trusted key is known to have signed. */
export type DetachedVerdict = { fingerprint: string } | { problem: string };

/**
 * One good signature by a trusted key is enough, as in dnf: during a change of keys, metadata is signed with both.
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

/** gpg reports each signature in turn. VALIDSIG alone proves too little, because it can also follow a failure. */
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
    // gpg does not list keys that it did not import.
    const invalid = keys.flatMap(({ signers }) => signers).find((one) => one.fingerprint.endsWith(id));
    return (
      (word === 'NO_PUBKEY' && invalid && refusalOf(invalid, invalid.created)?.message) || describe(words)
    );
  }
  return 'has a signature file that holds no signature';
}
