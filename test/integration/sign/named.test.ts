/**
 * Whoever may push can put any image that a key has signed under any tag: a bundle is held to the reference that it
 * signs, and one that names none is held to the digest that was asked for.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { verifyReference, type VerifyOptions } from '../../../src/pipeline/trust/verify-image.ts';
import type { Artifact, Fetched } from '../../../src/stages/sign/artifact.ts';
import { bundleArtifact } from '../../../src/stages/sign/sigstore-bundle.ts';
import { attest, payloadType, predicateTypes, type Attestation } from '../../../src/stages/sign/statement.ts';
import { dsse } from '@sigstore/core';
import { Shelf, type Hung, type Image } from '../../helpers/signed-images.ts';

let shelf: Shelf;
let app: Image;
let old: Image;
let hung: Hung;
const epoch = 1_700_000_000;
const none = (): Fetched => {
  const manifest = JSON.parse(hung.sig.manifest.toString()) as object;
  return { ...hung.sig, manifest: Buffer.from(JSON.stringify({ ...manifest, layers: [] })) };
};

beforeAll(async () => {
  shelf = await Shelf.open();
  app = await shelf.image('app', ['1.0']);
  old = await shelf.image('old', ['0.9']);
  hung = shelf.sign(app);
  await shelf.hang(old, shelf.sign(old));
});
beforeEach(() => shelf.hang(app, hung));
afterAll(() => shelf.close());

/** The code of the refusal, or as what it is signed, layout by layout. */
async function judge(options: Partial<VerifyOptions> = {}): Promise<string | string[]> {
  const asked = { reference: shelf.reference('1.0'), key: shelf.path('release.pub'), plainHttp: false };
  try {
    const { proved } = await verifyReference({ ...asked, ...options }, { progress: silent });
    return proved.filter(({ claim }) => claim === 'signature').map(({ detail }) => detail);
  } catch (error) {
    if (error instanceof MillinerError) return error.code;
    throw error;
  }
}

const bundled = (attestation: Attestation): Artifact =>
  bundleArtifact(attestation, { key: shelf.key.public, subject: app.descriptor, epoch });
const unnamed = () => bundled(attest(shelf.key, app.descriptor.digest, predicateTypes.signature, {}));

/** As `cosign attest` and others call the subject. */
function subjectNamed(name: string): Artifact {
  const sha256 = app.descriptor.digest.slice('sha256:'.length);
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      { name: 'other', digest: { sha256: '0'.repeat(64) } },
      { name, digest: { sha256 } },
    ],
    predicateType: predicateTypes.signature,
  };
  const payload = Buffer.from(JSON.stringify(statement));
  const signature = shelf.key.sign(dsse.preAuthEncoding(payloadType, payload));
  const envelope = { payload, payloadType, signatures: [signature] };
  return bundled({ predicateType: predicateTypes.signature, envelope });
}

/** The claims stay, the signatures are these. */
const withSignature = (bundle: Artifact, sig: Fetched = none()) =>
  shelf.hang(app, { ...hung, sig, bundles: [bundle, ...hung.bundles.slice(1)] });

const signedAs = (tag: string) => `signed as ${shelf.reference(tag)}`;
const byDigest = () => `${shelf.reference('1.0').replace(/:[^:/]+$/, '')}@${app.descriptor.digest}`;

test('what is signed is told, in both layouts', async () => {
  expect(await judge()).toEqual([signedAs('1.0'), signedAs('1.0')]);
  expect(await judge({ only: 'bundle' })).toEqual([signedAs('1.0')]);
});

test('an image that the key signed under another tag of the repository', async () => {
  const moved = (await shelf.client.getManifest(shelf.repository, '0.9'))!;
  await shelf.client.putManifest(shelf.repository, '2.0', moved.bytes, moved.mediaType);
  const reference = shelf.reference('2.0');
  for (const only of [undefined, 'sig', 'bundle'] as const)
    expect(await judge({ reference, only })).toBe('SIGNED_ELSEWHERE');
  expect(await judge({ reference, signatureOnly: true })).toBe('SIGNED_ELSEWHERE');
  expect(await judge({ reference, only: 'bundle', unnamed: true })).toBe('SIGNED_ELSEWHERE');
  expect(await judge({ reference, only: 'bundle', signedAs: shelf.reference('0.9') })).toEqual([
    signedAs('0.9'),
  ]);
});

test('a bundle that names nothing, as cosign 3 makes it', async () => {
  await withSignature(unnamed());
  expect(await judge({ only: 'bundle' })).toBe('SIGNATURE_UNNAMED');
  expect(await judge({ signatureOnly: true })).toBe('SIGNATURE_UNNAMED');
  const told = ['signed under no name'];
  expect(await judge({ only: 'bundle', unnamed: true })).toEqual(told);
  expect(await judge({ signatureOnly: true, unnamed: true })).toEqual(told);
  expect(await judge({ only: 'bundle', reference: byDigest() })).toEqual(told);
  // Who names what was signed asks for that name, whatever digest.
  const asked = { reference: byDigest(), signedAs: shelf.reference('1.0') };
  expect(await judge({ only: 'bundle', ...asked })).toBe('SIGNATURE_UNNAMED');
});

test('a bundle that names nothing beside a .sig: its name counts, whatever it is', async () => {
  await withSignature(unnamed(), hung.sig);
  expect(await judge()).toEqual([signedAs('1.0'), 'signed under no name']);
  expect(await judge({ signatureOnly: true })).toContain(signedAs('1.0'));
  const elsewhere = shelf.sign({ ...app, references: [shelf.reference('0.9')] });
  await withSignature(unnamed(), elsewhere.sig);
  expect(await judge()).toBe('SIGNED_ELSEWHERE');
  expect(await judge({ signatureOnly: true, unnamed: true })).toBe('SIGNED_ELSEWHERE');
});

test.each([
  ['this repository', () => shelf.reference('1.0').replace(/:[^:/]+$/, ''), 'signed as'],
  ['another repository', () => `${shelf.server.host}/vendor/other`, 'SIGNED_ELSEWHERE'],
  ['a file', () => 'app.tar', 'SIGNATURE_UNNAMED'],
])('a bundle whose subject is called after %s', async (_name, name, expected) => {
  await withSignature(subjectNamed(name()));
  const found = await judge({ signatureOnly: true });
  expect(Array.isArray(found) ? found.join(' ') : found).toContain(expected);
});

test('a name beside one that nobody of the key has signed', async () => {
  await withSignature(unnamed());
  const strange = bundleArtifact(
    { ...attest(shelf.key, old.descriptor.digest, predicateTypes.signature, {}) },
    { key: shelf.key.public, subject: app.descriptor, epoch },
  );
  await shelf.hang(app, { ...hung, sig: none(), bundles: [strange, ...hung.bundles.slice(1)] });
  expect(await judge({ only: 'bundle', unnamed: true })).toBe('IMAGE_ALTERED');
});
