/**
 * The private keys that a worker can sign with: those given to it, and those that releases of this state were queued
 * with. The path of a key is stored in the state alone. A path from the queue is never opened, because a writer of the
 * queue could name any file.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MillinerError } from '../lib/errors/error.ts';
import { writeFileAtomic } from '../lib/host/atomic-file.ts';
import { readdirIfThere } from '../lib/host/files.ts';
import { readKeyText } from '../pipeline/trust/signer-key.ts';
import { readPrivateKey, type SigningKey } from '../stages/sign/key.ts';
import type { OwnKey } from './stage-work.ts';

export interface KeyId {
  /** Hash of the encrypted file, so that every copy has the same id. */
  id: string;
  /** Absolute. */
  path: string;
}

/** Throws KEY_FILE_INVALID. */
export async function identifyKey(path: string): Promise<KeyId> {
  return { id: idOf(await readKeyText(path)), path: resolve(path) };
}

function idOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Throws KEY_FILE_INVALID, also where the file holds another key than it did when the release was queued. */
export async function openKey({ id, path }: KeyId, password: string): Promise<SigningKey> {
  const text = await readKeyText(path);
  if (idOf(text) !== id) {
    throw new MillinerError(
      'KEY_FILE_INVALID',
      `${path} holds another key than the release was queued with`,
      {
        hint: 'Put that key back, or queue the release again.',
        details: { path },
      },
    );
  }
  return readPrivateKey(text, password, path);
}

const placeOf = (state: string) => join(state, 'signing');

/** Records the path of a key for the workers of this state. */
export async function rememberKey(state: string, { id, path }: KeyId): Promise<void> {
  await mkdir(placeOf(state), { recursive: true, mode: 0o700 });
  await writeFileAtomic(join(placeOf(state), id), `${path}\n`);
}

/** All keys whose path is recorded. */
export async function rememberedKeys(state: string): Promise<KeyId[]> {
  const ids = ((await readdirIfThere(placeOf(state))) ?? []).filter((name) => /^[0-9a-f]{16}$/.test(name));
  const read = async (id: string) => ({
    id,
    path: (await readFile(join(placeOf(state), id), 'utf8')).trimEnd(),
  });
  return Promise.all(ids.map(read));
}

export class Keyring {
  readonly #password: string | undefined;
  readonly #signers = new Map<string, OwnKey>();
  readonly #refused = new Set<string>();

  constructor(password: string | undefined) {
    this.#password = password;
  }

  get password(): string | undefined {
    return this.#password;
  }

  get ids(): string[] {
    return [...this.#signers.keys()];
  }

  signer(id: string): OwnKey | undefined {
    return this.#signers.get(id);
  }

  /**
   * Opens the key once, so that a wrong password shows before there is anything to sign. Throws KEY_FILE_INVALID,
   * PASSWORD_MISSING.
   */
  async add(key: KeyId): Promise<void> {
    if (this.#password === undefined) {
      throw new MillinerError(
        'PASSWORD_MISSING',
        `${key.path} is not used to sign: MILLINER_KEY_PASSWORD is not set`,
      );
    }
    const { public: publicKey } = await openKey(key, this.#password);
    this.#signers.set(key.id, { path: key.path, publicKey: publicKey.pem });
  }

  /**
   * Adds a key that a release was queued with. Returns false if this host does not have it, or if it was tried before.
   * Throws as add does, once.
   */
  async discover({ id, path }: KeyId): Promise<boolean> {
    if (this.#signers.has(id) || this.#refused.has(id)) return false;
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined || idOf(text) !== id) return false;
    this.#refused.add(id);
    await this.add({ id, path });
    return true;
  }
}
