/** The kinds of keys that others sign images with: keys by openssl and gpg, signatures by cosign and skopeo, none by us. */
import { createPrivateKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { run } from '../../../src/lib/host/exec.ts';
import { sealBox } from '../../../src/stages/sign/encrypted.ts';
import { armour } from '../../../src/stages/sign/pem.ts';
import type { Lookaside } from '../../helpers/registry/lookaside.ts';
import { GpgHome } from '../../helpers/rpm/gpg-home.ts';
import { password, type Shelf } from '../../helpers/signed-images.ts';

export interface KeyKind {
  name: string;
  format: 'pem' | 'openpgp';
  /** For openssl genpkey, or for gpg. */
  algorithm: string;
  option?: string;
  /** Of a subkey that signs; the primary key then only certifies. */
  subkey?: string;
}

const ec = (curve: string): KeyKind => ({
  name: `ECDSA ${curve}`,
  format: 'pem',
  algorithm: 'EC',
  option: `ec_paramgen_curve:${curve}`,
});
const rsa = (bits: number): KeyKind => ({
  name: `RSA ${bits}`,
  format: 'pem',
  algorithm: 'RSA',
  option: `rsa_keygen_bits:${bits}`,
});
const gpg = (name: string, algorithm: string, subkey?: string): KeyKind => ({
  name: `OpenPGP ${name}`,
  format: 'openpgp',
  algorithm,
  ...(subkey !== undefined && { subkey }),
});

export const keyKinds: KeyKind[] = [
  ec('P-256'),
  ec('P-384'),
  ec('P-521'),
  rsa(2048),
  rsa(3072),
  rsa(4096),
  { name: 'Ed25519', format: 'pem', algorithm: 'ED25519' },
  gpg('RSA 2048', 'rsa2048'),
  gpg('RSA 4096', 'rsa4096'),
  gpg('Ed25519', 'ed25519'),
  gpg('ECDSA P-384', 'nistp384'),
  gpg('RSA 3072, signing by a subkey of Ed25519', 'rsa3072', 'ed25519'),
];

/** Whoever has such a key. */
export interface Maker {
  /** Below which the shelf has the public key. */
  id: string;
  sign(reference: string): Promise<void>;
  close(): Promise<void>;
}

export async function makeKey(shelf: Shelf, lookaside: Lookaside, kind: KeyKind, id: string): Promise<Maker> {
  return kind.format === 'pem' ? makePem(shelf, kind, id) : makeOpenPgp(shelf, lookaside, kind, id);
}

async function makePem(shelf: Shelf, { algorithm, option }: KeyKind, id: string): Promise<Maker> {
  const file = shelf.path(`${id}.pem`);
  const options = option === undefined ? [] : ['-pkeyopt', option];
  await run('openssl', ['genpkey', '-algorithm', algorithm, ...options, '-out', file]);
  await run('openssl', ['pkey', '-in', file, '-pubout', '-out', shelf.path(`${id}.pub`)]);
  // Debian's `cosign import-key-pair` takes Ed25519 alone; the file that it would write is made here, and cosign signs.
  const der = createPrivateKey(await readFile(file)).export({ format: 'der', type: 'pkcs8' });
  const content = await sealBox(der, password);
  const sealed = shelf.path(`${id}.key`);
  await writeFile(sealed, armour({ type: 'ENCRYPTED SIGSTORE PRIVATE KEY', content }));
  const sign = async (reference: string) => {
    const flags = ['--key', sealed, '--tlog-upload=false', '--allow-http-registry', '--yes'];
    await shelf.cosign(['sign', ...flags, '--sign-container-identity', reference, reference]);
    // What `cosign sign` of version 3 leaves; 2.5 makes the same as an attestation.
    await writeFile(shelf.path('nothing.json'), '{}');
    const statement = [
      '--type',
      'https://sigstore.dev/cosign/sign/v1',
      '--predicate',
      shelf.path('nothing.json'),
    ];
    await shelf.cosign(['attest', ...flags, '--new-bundle-format', ...statement, reference]);
  };
  return { id, sign, close: async () => {} };
}

async function makeOpenPgp(shelf: Shelf, lookaside: Lookaside, kind: KeyKind, id: string): Promise<Maker> {
  const home = await GpgHome.open();
  const { algorithm, subkey } = kind;
  const fingerprint = await home.makeKey(id, algorithm, subkey === undefined ? 'sign' : 'cert');
  if (subkey !== undefined) await home.gpg(['--quick-add-key', fingerprint, subkey, 'sign', 'never']);
  await home.export(shelf.path(`${id}.pub`), [fingerprint]);
  const sign = (reference: string) => lookaside.sign(reference, { home: home.path, fingerprint });
  return { id, sign, close: () => home.close() };
}
