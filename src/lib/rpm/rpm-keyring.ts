/** The trusted keys in a keyring of rpm's that only one check uses. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { runConfined } from '../host/confined.ts';
import { isNearlyFull, saysDiskFull } from '../host/files.ts';
import {
  anyExit,
  diskFull,
  gpg,
  importKeys,
  keyBytes,
  keyInvalid,
  readKeys,
  withDirectory,
  type KeyOptions,
  type TrustedKey,
} from './keys.ts';
import type { PublicKey } from './signing-key.ts';

/** Paths of files that hold the trusted keys and no others; those that must be written lie in `home`. */
export async function isolateKeys(
  trusted: readonly TrustedKey[],
  home: string,
  options: KeyOptions,
): Promise<string[]> {
  const files: string[] = [];
  for (const one of trusted) {
    const isWhole = one.fingerprint === undefined;
    files.push(isWhole ? resolve(one.file) : await isolateKey(one, [], home, options));
  }
  return files;
}

/**
 * The same for rpm 4.18, which takes nothing of a file in which a subkey is revoked, and takes keys that gpg believes
 * nothing of: it is given the file without.
 */
async function isolateForRpm(
  trusted: readonly TrustedKey[],
  home: string,
  options: KeyOptions,
): Promise<string[]> {
  const files: string[] = [];
  for (const one of trusted) {
    const keys = await readKeys([one], options);
    const faulty = keys.flatMap(faultyOf);
    if (keys.every(({ signers }) => signers[0]!.fault)) continue;
    if (faulty.length > 0) files.push(await isolateKey(one, faulty, home, options));
    else files.push(...(await isolateKeys([one], home, options)));
  }
  return files;
}

/**
 * As gpg's words for what is to be deleted: a whole key, or, with an exclamation mark, a subkey of it. What is invalid
 * gpg has not taken at all.
 */
function faultyOf({ fingerprint, signers }: PublicKey): string[] {
  const [primary, ...subkeys] = signers;
  if (primary!.fault) return [fingerprint];
  return subkeys.filter(({ fault }) => fault).map((one) => `${one.fingerprint}!`);
}

async function isolateKey(
  { file, fingerprint }: TrustedKey,
  without: readonly string[],
  home: string,
  options: KeyOptions,
): Promise<string> {
  const ring = await mkdtemp(join(home, 'ring-'));
  const alone = join(ring, 'alone.asc');
  await importKeys(ring, file, options);
  // Of what gpg has not taken there is nothing to delete.
  for (const key of without) await gpg(ring, ['--yes', '--delete-keys', '--', key], options);
  const which = fingerprint === undefined ? [] : ['--', fingerprint];
  const { stderr } = await gpg(ring, ['--armor', '--output', alone, '--export', ...which], options);
  if (existsSync(alone)) return alone;
  throw keyInvalid(file, `does not give the key ${fingerprint ?? 'that it holds'} (${stderr.trim()})`);
}

/**
 * Gives `use` the path of an rpm database that holds the trusted keys and nothing else; it is gone afterwards.
 * Throws KEY_INVALID naming a key file that rpm does not take.
 */
export async function withKeyring<T>(
  trusted: readonly TrustedKey[],
  options: KeyOptions,
  use: (dbpath: string) => Promise<T>,
): Promise<T> {
  return withDirectory(options, async (directory) => {
    const dbpath = join(directory, 'rpmdb');
    await mkdir(dbpath);
    for (const file of await isolateForRpm(trusted, directory, options)) {
      const key = join(directory, 'key');
      await writeFile(key, await keyBytes(file));
      const args = ['--dbpath', dbpath, '--import', key];
      const reach = { reads: [key], writes: dbpath };
      const settings = { signal: options.signal, allow: anyExit };
      const { exitCode, stderr } = await runConfined('rpmkeys', args, reach, settings);
      // rpm 4.18 exits 0 also where it could not write the key down.
      if (exitCode === 0 && !/^error:/m.test(stderr)) continue;
      if (saysDiskFull(stderr) || (await isNearlyFull(dbpath))) throw diskFull(dbpath);
      throw keyInvalid(file, `is not taken by rpm (${stderr.trim()})`);
    }
    return use(dbpath);
  });
}
