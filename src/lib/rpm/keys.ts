/** The public keys that a recipe trusts, as gpg reads them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { runConfined } from '../host/confined.ts';
import type { RunResult } from '../host/exec.ts';
import { isNearlyFull } from '../host/files.ts';
import { parseColons, type PublicKey, type SigningKey } from './signing-key.ts';

export interface KeyOptions {
  signal?: AbortSignal | undefined;
  /** Parent of the temporary directory, one that is cleared after a crash; default: the system's. */
  workDirectory?: string | undefined;
}

/** Which keys of a key file are trusted: all of them, or the one whose primary key has this fingerprint. */
export interface TrustedKey {
  file: string;
  /** Upper-case hex. */
  fingerprint?: string | undefined;
}

/**
 * The trusted keys, as gpg merges all of the files: a revocation or a later expiry may be in another file than the key.
 * Throws KEY_INVALID naming a file that has no public key, or lacks the trusted one.
 */
export async function readKeys(
  trusted: readonly TrustedKey[],
  options: KeyOptions = {},
): Promise<PublicKey[]> {
  return withDirectory(options, async (home) => {
    const keys: PublicKey[] = [];
    for (const { file, fingerprint } of trusted) {
      const input = await keyBytes(file);
      const { stdout } = await gpg(home, ['--with-colons', '--show-keys'], { ...options, input });
      const found = parseColons(file, stdout);
      if (found.length === 0 && (await isNearlyFull(home))) throw diskFull(home);
      if (found.length === 0) throw keyInvalid(file, 'holds no OpenPGP public key');
      const chosen = found.filter((key) => fingerprint === undefined || key.fingerprint === fingerprint);
      if (chosen.length === 0) throw keyNotInFile(file, fingerprint!, found);
      keys.push(...chosen);
    }
    const merged = await importedKeys(home, trusted, options);
    // gpg does not import a key without a valid self-signed name; such a key keeps its state from the file.
    return keys.map((key) => ({ ...key, signers: merged.get(key.fingerprint) ?? key.signers }));
  });
}

/** By fingerprint of the primary key. */
async function importedKeys(
  home: string,
  trusted: readonly TrustedKey[],
  options: KeyOptions,
): Promise<Map<string, SigningKey[]>> {
  const files = [...new Set(trusted.map(({ file }) => resolve(file)))];
  for (const file of files) await importKeys(home, file, options);
  const { stdout } = await gpg(home, ['--with-colons', '--list-keys'], options);
  return new Map(parseColons(home, stdout).map(({ fingerprint, signers }) => [fingerprint, signers]));
}

/** Imports the keys of a file into a GnuPG home, as far as gpg accepts them. */
export async function importKeys(home: string, file: string, options: KeyOptions): Promise<void> {
  await gpg(home, ['--import'], { ...options, input: await keyBytes(file) });
}

/** Reads any owner's file: confined programs may lack the rights to read it. Throws KEY_INVALID. */
export async function keyBytes(file: string): Promise<Buffer> {
  return readFile(resolve(file)).catch((error: NodeJS.ErrnoException) => {
    throw keyInvalid(file, `cannot be read (${error.code})`);
  });
}

export interface GpgOptions extends KeyOptions {
  input?: Buffer;
  /** Directories to read, besides its home. */
  reads?: string[];
}

/** With a GnuPG home of its own. Exit code 2 can also mean that gpg did not understand one of the keys. */
export async function gpg(home: string, args: readonly string[], options: GpgOptions): Promise<RunResult> {
  const { signal, input, reads = [] } = options;
  const common = ['--homedir', home, '--batch', '--no-tty', '--no-auto-key-retrieve', '--no-autostart'];
  const reach = { reads, writes: home };
  const given = input === undefined ? {} : { input };
  return runConfined('gpg', [...common, ...args], reach, { signal, allow: [0, 1, 2], ...given });
}

function keyNotInFile(file: string, fingerprint: string, found: readonly PublicKey[]): MillinerError {
  const there = found.map((key) => key.fingerprint);
  return new MillinerError(
    'KEY_INVALID',
    `key file ${file} does not hold the key ${fingerprint}; it holds ${there.join(', ')}`,
    { details: { file, fingerprint, found: there } },
  );
}

/** rpm's tools exit with the number of failures. */
export const anyExit = Array.from({ length: 256 }, (_, code) => code);

/** Makes a temporary directory for keys, and removes it after fn. */
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

export function diskFull(path: string): MillinerError {
  return new MillinerError('DISK_FULL', `no space left writing ${path}`, { details: { path } });
}

export function keyInvalid(file: string, what: string): MillinerError {
  return new MillinerError('KEY_INVALID', `key file ${file} ${what}`, { details: { file } });
}
