import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateKeyPair } from '../stages/sign/key.ts';
import { identifyKey, Keyring, openKey } from './keyring.ts';

const password = 'secret';
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-keyring-'));
});
afterAll(() => rm(directory, { recursive: true }));

test('a key that was replaced after the release was queued does not sign, though the password opens it', async () => {
  const path = join(directory, 'release.key');
  const [queued, other] = [await generateKeyPair(password), await generateKeyPair(password)];
  await writeFile(path, queued.privatePem, { mode: 0o600 });
  const key = await identifyKey(path);
  expect((await openKey(key, password)).public.pem).toBe(queued.publicPem);
  await writeFile(path, other.privatePem);
  const refusal = { code: 'KEY_FILE_INVALID', details: { path } };
  await expect(openKey(key, password)).rejects.toMatchObject(refusal);
  await expect(new Keyring(password).add(key)).rejects.toMatchObject(refusal);
});
