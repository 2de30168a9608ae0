/** Files of keys as gpg and openssl write them: known by their content, and refused by what is wrong with them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { idsOf, readSignerKey } from '../../../src/pipeline/trust/signer-key.ts';
import { generateKeyPair } from '../../../src/stages/sign/key.ts';
import { GpgHome } from '../../helpers/rpm/gpg-home.ts';

let directory: string;
let home: GpgHome;
const path = (name: string) => join(directory, name);
const refused = (words: RegExp) => ({
  code: 'KEY_FILE_INVALID',
  message: expect.stringMatching(words) as string,
});

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-signerkey-'));
  home = await GpgHome.open();
});
afterAll(async () => {
  await home.close();
  await rm(directory, { recursive: true });
});

test('a file is read by its content, whatever its name', async () => {
  const { publicPem } = await generateKeyPair('x');
  await writeFile(path('key.gpg'), publicPem);
  expect(await readSignerKey(path('key.gpg'))).toMatchObject({ format: 'pem', key: { pem: publicPem } });
  const [one, two] = [await home.makeKey('one', 'rsa2048'), await home.makeKey('two', 'ed25519')];
  await home.gpg(['--quick-add-key', two, 'cv25519', 'encr', 'never']);
  for (const flags of [['--armor'], []]) {
    const file = await home.export(path('key.pem'), [one, two], flags);
    expect(idsOf(await readSignerKey(file))).toEqual([one, two]);
  }
});

test.each([
  ['dsa2048', /\(DSA 2048\)/],
  ['rsa1024', /\(RSA 1024\)/],
  ['secp256k1', /\(secp256k1\)/],
  ['brainpoolP256r1', /\(brainpoolP256r1\)/],
])('a keyring with a key of %s is refused whole', async (algorithm, words) => {
  const good = await home.makeKey(`good-${algorithm}`, 'ed25519');
  const bad = await home.makeKey(algorithm, algorithm);
  const file = await home.export(path(algorithm), [good, bad]);
  await expect(readSignerKey(file)).rejects.toMatchObject(refused(words));
});

test('keys that sign nothing, or no longer', async () => {
  const cert = await home.makeKey('cert', 'rsa2048', 'cert');
  await expect(readSignerKey(await home.export(path('cert'), [cert]))).rejects.toMatchObject(
    refused(/no OpenPGP key that signs/),
  );
  const revoked = await home.makeKey('revoked', 'ed25519');
  await home.revoke(revoked);
  await expect(readSignerKey(await home.export(path('revoked'), [revoked]))).rejects.toMatchObject(
    refused(/no OpenPGP key that signs/),
  );
  const subkey = await home.makeKey('subkey', 'ed25519', 'cert');
  await home.gpg(['--quick-add-key', subkey, 'ed25519', 'sign', 'never']);
  await home.edit(subkey, ['key 1', 'revkey', 'y', '0', '', 'y', 'save']);
  await expect(readSignerKey(await home.export(path('subkey'), [subkey]))).rejects.toMatchObject(
    refused(/no OpenPGP key that signs/),
  );
  const good = await home.makeKey('beside', 'ed25519');
  const both = await home.export(path('both'), [good, revoked]);
  expect(idsOf(await readSignerKey(both))).toEqual([good]);
});

test('private keys, halves and other files', async () => {
  const key = await home.makeKey('halved', 'rsa2048');
  await home.gpg(['--armor', '--output', path('secret'), '--export-secret-keys', key]);
  await expect(readSignerKey(path('secret'))).rejects.toMatchObject(refused(/is an OpenPGP private key/));
  for (const flags of [['--armor'], []]) {
    const bytes = await readFile(await home.export(path('whole'), [key], flags));
    await writeFile(path('half'), bytes.subarray(0, bytes.length / 2));
    await expect(readSignerKey(path('half'))).rejects.toMatchObject(refused(/cut short or damaged/));
  }
  await writeFile(
    path('text'),
    '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\naGF0\n-----END PGP PUBLIC KEY BLOCK-----\n',
  );
  await expect(readSignerKey(path('text'))).rejects.toMatchObject(refused(/cut short or damaged/));
  await expect(readSignerKey(path('none'))).rejects.toMatchObject(refused(/ENOENT/));
  await writeFile(path('pem.key'), (await generateKeyPair('x')).privatePem);
  await expect(readSignerKey(path('pem.key'))).rejects.toMatchObject(
    refused(/ENCRYPTED SIGSTORE PRIVATE KEY/),
  );
});
