/** The public keys that a recipe trusts: read by gpg, and put into a keyring that only one check uses. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MillinerError } from '../errors.ts';
import { run, type RunResult } from '../host/exec.ts';
import { isNearlyFull, saysDiskFull } from '../host/files.ts';

export interface KeyOptions {
  signal?: AbortSignal | undefined;
  /** Where the directory of the moment is made; one that is cleared after a crash. Default: the system's. */
  workDirectory?: string | undefined;
}

/** What is trusted of a key file: all of its keys, or the one whose primary key has this fingerprint. */
export interface TrustedKey {
  file: string;
  /** Upper-case hex. */
  fingerprint?: string | undefined;
}

export interface PublicKey {
  /** The key file that it came from. */
  file: string;
  /** Of the primary key: upper-case hex. */
  fingerprint: string;
  /** Of the primary key and of every subkey that is neither revoked nor expired. */
  fingerprints: string[];
}

/**
 * The trusted keys as gpg reads them. Throws KEY_INVALID naming a file without a public key, or without the one that
 * is trusted of it.
 */
export async function readKeys(
  trusted: readonly TrustedKey[],
  options: KeyOptions = {},
): Promise<PublicKey[]> {
  return withDirectory(options, async (home) => {
    const keys: PublicKey[] = [];
    for (const { file, fingerprint } of trusted) {
      const { stdout } = await gpg(home, ['--with-colons', '--show-keys', '--', resolve(file)], options);
      const found = parseColons(file, stdout);
      if (found.length === 0 && (await isNearlyFull(home))) throw diskFull(home);
      if (found.length === 0) throw keyInvalid(file, 'holds no OpenPGP public key');
      const chosen = found.filter((key) => fingerprint === undefined || key.fingerprint === fingerprint);
      if (chosen.length === 0) throw notAmong(file, fingerprint!, found);
      keys.push(...chosen);
    }
    return keys;
  });
}

/** With a home of its own; exit code 2 also tells of a single key that it does not understand. */
export async function gpg(home: string, args: readonly string[], { signal }: KeyOptions): Promise<RunResult> {
  const common = ['--homedir', home, '--batch', '--no-tty', '--no-auto-key-retrieve', '--no-autostart'];
  return run('gpg', [...common, ...args], { signal, allow: [0, 1, 2] });
}

function notAmong(file: string, fingerprint: string, found: readonly PublicKey[]): MillinerError {
  const there = found.map((key) => key.fingerprint);
  return new MillinerError(
    'KEY_INVALID',
    `key file ${file} does not hold the key ${fingerprint}; it holds ${there.join(', ')}`,
    { details: { file, fingerprint, found: there } },
  );
}

/** Paths of files that hold the trusted keys and no others; those that must be written lie in `home`. */
export async function isolateKeys(
  trusted: readonly TrustedKey[],
  home: string,
  options: KeyOptions,
): Promise<string[]> {
  const files: string[] = [];
  for (const { file, fingerprint } of trusted) {
    if (fingerprint === undefined) {
      files.push(resolve(file));
      continue;
    }
    const alone = join(home, `${fingerprint}.asc`);
    const ring = await mkdtemp(join(home, 'ring-'));
    await gpg(ring, ['--import', '--', resolve(file)], options);
    const args = ['--armor', '--output', alone, '--export', '--', fingerprint];
    const { stderr } = await gpg(ring, args, options);
    if (!existsSync(alone)) throw keyInvalid(file, `does not give the key ${fingerprint} (${stderr.trim()})`);
    files.push(alone);
  }
  return files;
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
    for (const file of await isolateKeys(trusted, directory, options)) {
      const args = ['--dbpath', dbpath, '--import', file];
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

/** A directory for one moment's keys. */
export async function withDirectory<T>(
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
