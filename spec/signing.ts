/** A key pair of the repository's own, and what it signs. */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../src/lib/host/exec.ts';
import { temporaryShort } from './places.ts';
import { inParallel } from './pool.ts';

export interface SigningKey {
  /** 40 hexadecimal digits, upper case. */
  fingerprint: string;
  /** gpg's home; short, because its agent's socket path may have only 108 bytes. */
  home: string;
}

/** Makes an RSA key that never expires; `close` must be called, or its agent stays. */
export async function createKey(name: string): Promise<SigningKey> {
  const home = await temporaryShort('gpg');
  const gpg = ['--homedir', home, '--batch', '--quiet'];
  const parameters = ['--passphrase', '', '--quick-generate-key', name, 'rsa4096', 'sign', 'never'];
  await run('gpg', [...gpg, ...parameters]);
  const { stdout } = await run('gpg', [...gpg, '--with-colons', '--fingerprint', name]);
  const fingerprint = /^fpr:+([0-9A-F]{40}):$/m.exec(stdout)?.[1];
  if (!fingerprint) throw new Error(`gpg gave no fingerprint for the new key ${name}`);
  return { fingerprint, home };
}

export async function closeKey(key: SigningKey): Promise<void> {
  await run('gpgconf', ['--homedir', key.home, '--kill', 'all']);
  await rm(key.home, { recursive: true, force: true });
}

/** Writes the public key as NAME and the private one beside it, where only root can read it. */
export async function exportKey(key: SigningKey, directory: string, name: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
  const gpg = ['--homedir', key.home, '--batch', '--quiet', '--armor'];
  const publicKey = await run('gpg', [...gpg, '--export', key.fingerprint]);
  const privateKey = await run('gpg', [...gpg, '--export-secret-keys', key.fingerprint]);
  await writeFile(join(directory, name), publicKey.stdout, { mode: 0o644 });
  await writeFile(join(directory, `${name}.private`), privateKey.stdout, { mode: 0o600 });
}

/** Signs the packages in place. */
export async function signPackages(key: SigningKey, packages: readonly string[]): Promise<void> {
  const batches = Array.from({ length: Math.ceil(packages.length / 25) }, (_, index) =>
    packages.slice(index * 25, index * 25 + 25),
  );
  const macros = { __gpg: '/usr/bin/gpg', _gpg_name: key.fingerprint, _gpg_path: key.home };
  const defines = Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  await inParallel(batches, (batch) => run('rpmsign', [...defines, '--addsign', ...batch]));
}
