/** For `key generate`: writes a key pair to two files. */
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { asStorageError, lstatIfThere, syncPath } from '../../lib/host/files.ts';
import { generateKeyPair } from '../../stages/sign/key.ts';
import { readPublicKey } from '../../stages/sign/public-key.ts';

export interface KeyFiles {
  privateKey: string;
  publicKey: string;
  /** The hint that sigstore bundles give for the key. */
  hint: string;
}

/** Checked before the password is asked for. An overwritten key would be lost for good. Throws OUTPUT_UNUSABLE. */
export async function refuseExisting(prefix: string): Promise<void> {
  for (const path of Object.values(pathsOf(prefix))) if (await lstatIfThere(path)) throw isThere(path);
}

/** Never overwrites a file. Throws OUTPUT_UNUSABLE, DISK_FULL. */
export async function generateKeyFiles(prefix: string, password: string): Promise<KeyFiles> {
  const { privateKey, publicKey } = pathsOf(prefix);
  const { privatePem, publicPem } = await generateKeyPair(password);
  await mkdir(dirname(prefix), { recursive: true, mode: 0o700 }).catch(unwritable(dirname(prefix)));
  await writeNew(privateKey, privatePem, 0o600);
  try {
    await writeNew(publicKey, publicPem, 0o644);
  } catch (error) {
    await rm(privateKey, { force: true });
    throw error;
  }
  await syncPath(dirname(prefix));
  return { privateKey, publicKey, hint: readPublicKey(publicPem).hint };
}

function pathsOf(prefix: string): Pick<KeyFiles, 'privateKey' | 'publicKey'> {
  return { privateKey: `${prefix}.key`, publicKey: `${prefix}.pub` };
}

/** Never overwrites a file, and removes one that could not be written completely. Throws OUTPUT_UNUSABLE, DISK_FULL. */
export async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EEXIST') throw isThere(path, cause);
    return unwritable(path)(cause);
  });
  try {
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw asStorageError(error, path);
  } finally {
    await handle.close();
  }
}

function unwritable(path: string): (cause: NodeJS.ErrnoException) => never {
  return (cause) => {
    if (cause.code === 'ENOSPC') throw asStorageError(cause, path);
    throw new MillinerError('OUTPUT_UNUSABLE', `${path} cannot be written: ${cause.code}`, {
      cause,
      hint: 'Choose another place with --out.',
    });
  };
}

function isThere(path: string, cause?: unknown): MillinerError {
  return new MillinerError('OUTPUT_UNUSABLE', `${path} exists already`, {
    cause,
    hint: 'Choose another name with --out. Milliner does not overwrite keys.',
  });
}
