/** The public keys that a recipe trusts: read by gpg, and put into a keyring that only one check uses. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MillinerError } from '../errors.ts';
import { run } from '../host/exec.ts';
import { isNearlyFull, saysDiskFull } from '../host/files.ts';

export interface KeyOptions {
  signal?: AbortSignal | undefined;
  /** Where the directory of the moment is made; one that is cleared after a crash. Default: the system's. */
  workDirectory?: string | undefined;
}

export interface PublicKey {
  /** The key file that it came from. */
  file: string;
  /** Of the primary key: upper-case hex. */
  fingerprint: string;
  /** Of the primary key and of every subkey that is neither revoked nor expired. */
  fingerprints: string[];
}

/** The keys in key files, as gpg reads them. Throws KEY_INVALID naming a file without a public key. */
export async function readKeys(files: readonly string[], options: KeyOptions = {}): Promise<PublicKey[]> {
  return withDirectory(options, async (home) => {
    const keys: PublicKey[] = [];
    for (const file of files) {
      const args = [
        '--homedir',
        home,
        '--batch',
        '--no-tty',
        '--with-colons',
        '--show-keys',
        '--',
        resolve(file),
      ];
      const { stdout } = await run('gpg', args, { signal: options.signal, allow: [0, 2] });
      const found = parseColons(file, stdout);
      if (found.length === 0 && (await isNearlyFull(home))) throw diskFull(home);
      if (found.length === 0) throw keyInvalid(file, 'holds no OpenPGP public key');
      keys.push(...found);
    }
    return keys;
  });
}

/** gpg's doc/DETAILS: pub or sub records, each followed by its fpr record; field 2 tells revoked and expired ones. */
function parseColons(file: string, text: string): PublicKey[] {
  const keys: PublicKey[] = [];
  let record: 'pub' | 'sub' | undefined;
  let usable = false;
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    const fingerprint = fields[9] ?? '';
    if (fields[0] === 'pub' || fields[0] === 'sub') {
      record = fields[0];
      usable = !['r', 'e', 'i'].includes(fields[1] ?? '');
    } else if (fields[0] === 'fpr' && record === 'pub') {
      keys.push({ file, fingerprint, fingerprints: [fingerprint] });
      record = undefined;
    } else if (fields[0] === 'fpr' && record === 'sub') {
      if (usable) keys.at(-1)?.fingerprints.push(fingerprint);
      record = undefined;
    }
  }
  return keys;
}

/**
 * Gives `use` the path of an rpm database that holds these key files' keys and nothing else; it is gone afterwards.
 * Throws KEY_INVALID naming a key file that rpm does not take.
 */
export async function withKeyring<T>(
  files: readonly string[],
  options: KeyOptions,
  use: (dbpath: string) => Promise<T>,
): Promise<T> {
  return withDirectory(options, async (directory) => {
    const dbpath = join(directory, 'rpmdb');
    await mkdir(dbpath);
    for (const file of files) {
      const args = ['--dbpath', dbpath, '--import', resolve(file)];
      const { exitCode, stderr } = await run('rpmkeys', args, { signal: options.signal, allow: anyExit });
      // rpm 4.18 exits 0 also where it could not write the key down.
      if (exitCode === 0 && !/^error:/m.test(stderr)) continue;
      if (saysDiskFull(stderr) || (await isNearlyFull(dbpath))) throw diskFull(dbpath);
      throw keyInvalid(file, `is not taken by rpm (${stderr.trim()})`);
    }
    return use(dbpath);
  });
}

/** rpm's tools exit with the number of things that went wrong. */
export const anyExit = Array.from({ length: 256 }, (_, code) => code);

async function withDirectory<T>(
  { workDirectory }: KeyOptions,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(workDirectory ?? tmpdir(), 'milliner-keys-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function diskFull(path: string): MillinerError {
  return new MillinerError('DISK_FULL', `no space left writing ${path}`, { details: { path } });
}

function keyInvalid(file: string, what: string): MillinerError {
  return new MillinerError('KEY_INVALID', `key file ${file} ${what}`, { details: { file } });
}
