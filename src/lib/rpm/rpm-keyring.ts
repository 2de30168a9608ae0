/** Imports the trusted keys into a temporary keyring of rpm's, for one check. */
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

/** Paths of files with the trusted keys and no others; files that must be written are in `home`. */
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
 * For rpm 4.18, which rejects a whole file if one subkey is revoked, and accepts keys that gpg considers invalid: it
 * gets the file without such keys. Of several files each is judged alone, because rpm reads them one by one.
 */
async function isolateForRpm(
  trusted: readonly TrustedKey[],
  merged: readonly PublicKey[],
  home: string,
  options: KeyOptions,
): Promise<string[]> {
  const files: string[] = [];
  for (const one of trusted) {
    const keys = trusted.length === 1 ? merged : await readKeys([one], options);
    const faulty = keys.flatMap(faultyOf);
    if (keys.every(({ signers }) => signers[0]!.fault)) continue;
    if (faulty.length > 0) files.push(await isolateKey(one, faulty, home, options));
    else files.push(...(await isolateKeys([one], home, options)));
  }
  return files;
}

/**
 * Arguments of gpg for the keys to delete: a whole key, or a subkey, with an exclamation mark. Invalid keys are
 * omitted, because gpg did not import them.
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
  // Keys that gpg did not import need no deletion.
  for (const key of without) await gpg(ring, ['--yes', '--delete-keys', '--', key], options);
  const which = fingerprint === undefined ? [] : ['--', fingerprint];
  const { stderr } = await gpg(ring, ['--armor', '--output', alone, '--export', ...which], options);
  if (existsSync(alone)) return alone;
  throw keyInvalid(file, `does not give the key ${fingerprint ?? 'that it holds'} (${stderr.trim()})`);
}

/**
 * Calls `use` with the path of an rpm database that holds only the trusted keys, and removes it afterwards. Throws
 * KEY_INVALID naming a key file that rpm does not accept.
 * @param merged the trusted keys, as readKeys has read all of the files
 */
export async function withKeyring<T>(
  trusted: readonly TrustedKey[],
  merged: readonly PublicKey[],
  options: KeyOptions,
  use: (dbpath: string) => Promise<T>,
): Promise<T> {
  return withDirectory(options, async (directory) => {
    const dbpath = join(directory, 'rpmdb');
    await mkdir(dbpath);
    for (const file of await isolateForRpm(trusted, merged, directory, options)) {
      const key = join(directory, 'key');
      await writeFile(key, await keyBytes(file));
      const args = ['--dbpath', dbpath, '--import', key];
      const reach = { reads: [key], writes: dbpath };
      const settings = { signal: options.signal, allow: anyExit };
      const { exitCode, stderr } = await runConfined('rpmkeys', args, reach, settings);
      // rpm 4.18 also exits with 0 if it could not store the key.
      if (exitCode === 0 && !/^error:/m.test(stderr)) continue;
      if (saysDiskFull(stderr) || (await isNearlyFull(dbpath))) throw diskFull(dbpath);
      throw keyInvalid(file, `is not taken by rpm (${stderr.trim()})`);
    }
    return use(dbpath);
  });
}
