/**
 * What is stated of a tag, and what was revoked: whoever may push moves tags, takes statements away and puts older ones
 * back; against what a state has seen, none of it is taken.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { verifyReference, type VerifyOptions } from '../../../src/pipeline/trust/verify-image.ts';
import { attachedLayer, mergeAttestations } from '../../../src/stages/sign/attestation.ts';
import { generateKeyPair, readPrivateKey, type SigningKey } from '../../../src/stages/sign/key.ts';
import { attestRevocation, type Revocation } from '../../../src/stages/sign/revocation.ts';
import { signImage } from '../../../src/stages/sign/sign-image.ts';
import { bundleArtifact } from '../../../src/stages/sign/sigstore-bundle.ts';
import { mergeSignatures } from '../../../src/stages/sign/simple-signing.ts';
import type { Standing } from '../../../src/stages/sign/standing.ts';
import { predicateTypes, type Attestation } from '../../../src/stages/sign/statement.ts';
import { Shelf, type Hung, type Image } from '../../helpers/signed-images.ts';

let shelf: Shelf;
let app: Image;
let old: Image;
let stranger: SigningKey;
let state: string;

beforeAll(async () => {
  shelf = await Shelf.open();
  app = await shelf.image('app', ['1.0', 'app']);
  old = await shelf.image('old', ['old']);
  stranger = await readPrivateKey((await generateKeyPair('x')).privatePem, 'x');
});
beforeEach(async () => {
  state = await mkdtemp(shelf.path('state-'));
  await moveTo(app);
});
afterAll(() => shelf.close());

const reference = () => shelf.reference('1.0');
/** Of who remembers nothing. */
const nowhere = '';
const now = () => Math.floor(Date.now() / 1000);
const day = 86_400;
const standing = (number: number, expires = now() + day, of = reference()): Standing => ({
  reference: of,
  number,
  issued: now() - day,
  expires,
});

/** The image with what its key states of it, each of its names signed. */
function hung(image: Image, standings: Standing[], more: Attestation[] = [], key = shelf.key): Hung {
  const named = { ...image, references: [reference()] };
  const signed = signImage(key, { ...shelf.signInput(named), standings });
  const { digest } = image.descriptor;
  const att = [...signed.attestations, ...more.map((one) => attachedLayer(one, key.public))];
  return {
    sig: mergeSignatures(key.public, digest, signed.signatures),
    att: mergeAttestations(key.public, digest, att),
    bundles: [
      ...signed.bundles,
      ...more.map((one) => bundleArtifact(one, { key: key.public, subject: image.descriptor, epoch: 0 })),
    ],
  };
}

/** As whoever may push does it. */
async function moveTo({ descriptor }: Image): Promise<void> {
  const { bytes, mediaType } = (await shelf.client.getManifest(shelf.repository, descriptor.digest))!;
  await shelf.client.putManifest(shelf.repository, '1.0', bytes, mediaType);
}

/** The code of the refusal; or the number of what is stated of the tag, undefined where nothing is. */
async function judge(options: Partial<VerifyOptions> = {}, at = state) {
  const asked = { reference: reference(), key: shelf.path('release.pub'), plainHttp: false, ...options };
  try {
    const { proved } = await verifyReference(asked, {
      progress: silent,
      ...(at !== nowhere && { state: at }),
    });
    const found = proved.find(({ claim }) => claim === 'tag')?.detail;
    return found && Number(/statement (\d+)$/.exec(found)![1]);
  } catch (error) {
    if (error instanceof MillinerError) return error.code;
    throw error;
  }
}

test('what is stated is told, the newest of several, in either layout', async () => {
  await shelf.hang(app, hung(app, [standing(3), standing(7), standing(5)]));
  for (const only of [undefined, 'sig', 'bundle'] as const) expect(await judge({ only })).toBe(7);
  expect(await judge({ signatureOnly: true })).toBe(7);
});

test('an older image under the tag, with all that was signed of it', async () => {
  await shelf.hang(old, hung(old, [standing(3)]));
  await shelf.hang(app, hung(app, [standing(7)]));
  expect(await judge()).toBe(7);
  await moveTo(old);
  expect(await judge()).toBe('TAG_ROLLED_BACK');
  expect(await judge({ only: 'bundle' })).toBe('TAG_ROLLED_BACK');
  expect(await judge({ signatureOnly: true })).toBe('TAG_ROLLED_BACK');
  // Nobody who has not seen the newer one can tell, as long as the older one holds; a digest is not moved.
  expect(await judge({}, nowhere)).toBe(3);
  const byDigest = `${reference().replace(/:[^:/]+$/, '')}@${old.descriptor.digest}`;
  expect(await judge({ reference: byDigest, signedAs: reference() })).toBeUndefined();
  await moveTo(app);
  expect(await judge()).toBe(7);
});

test('the publisher goes back: with a greater number it is taken', async () => {
  await shelf.hang(app, hung(app, [standing(7)]));
  expect(await judge()).toBe(7);
  await shelf.hang(old, hung(old, [standing(3), standing(9)]));
  await moveTo(old);
  expect(await judge()).toBe(9);
  await moveTo(app);
  expect(await judge()).toBe('TAG_ROLLED_BACK');
});

test.each<[string, () => Standing[]]>([
  ['is taken away', () => []],
  ['is put back', () => [standing(6)]],
  ['is of another tag', () => [standing(9, undefined, shelf.reference('2.0'))]],
])('a statement that was seen %s', async (_name, standings) => {
  await shelf.hang(app, hung(app, [standing(7)]));
  expect(await judge()).toBe(7);
  await shelf.hang(app, hung(app, standings()));
  expect(await judge()).toBe('TAG_ROLLED_BACK');
});

test('one number for two images', async () => {
  await shelf.hang(app, hung(app, [standing(7)]));
  await shelf.hang(old, hung(old, [standing(7)]));
  expect(await judge()).toBe(7);
  await moveTo(old);
  expect(await judge()).toBe('TAG_ROLLED_BACK');
});

test("a stranger's statement is none, be it ever so new", async () => {
  const theirs = signImage(stranger, { ...shelf.signInput(app), standings: [standing(99)] });
  const ours = hung(app, [standing(7)]);
  const { digest } = app.descriptor;
  const att = mergeAttestations(stranger.public, digest, theirs.attestations, ours.att);
  const blobs = new Map([...ours.att.blobs, ...att.blobs]);
  await shelf.hang(app, { ...ours, att: { ...att, blobs }, bundles: [...theirs.bundles, ...ours.bundles] });
  expect(await judge()).toBe(7);
});

test('what has expired', async () => {
  await shelf.hang(app, hung(app, [standing(7, now() - 10)]));
  for (const only of [undefined, 'sig', 'bundle'] as const) expect(await judge({ only })).toBe('TAG_EXPIRED');
  expect(await judge({ signatureOnly: true })).toBe('TAG_EXPIRED');
  expect(await judge({ allowExpired: true })).toBe(7);
});

test('nothing stated, now and before: told by its absence', async () => {
  await shelf.hang(app, hung(app, []));
  expect(await judge()).toBeUndefined();
});

test('what this state has seen cannot be read: it is not taken for nothing', async () => {
  await shelf.hang(app, hung(app, [standing(7)]));
  expect(await judge()).toBe(7);
  const [file] = await readdir(join(state, 'statements', 'tags'));
  await writeFile(join(state, 'statements', 'tags', file!), '{}');
  expect(await judge()).toBe('STATE_INVALID');
});

const revocation = (more: Partial<Revocation> = {}) =>
  attestRevocation(shelf.key, app.descriptor.digest, { reason: 'a hole', time: now(), ...more });

test('a revoked image, also where the revocation is taken away again', async () => {
  const before = hung(app, [standing(7)]);
  await shelf.hang(app, hung(app, [standing(7)], [revocation()]));
  for (const only of [undefined, 'sig', 'bundle'] as const)
    expect(await judge({ only })).toBe('IMAGE_REVOKED');
  expect(await judge({ signatureOnly: true })).toBe('IMAGE_REVOKED');
  const byDigest = `${reference().replace(/:[^:/]+$/, '')}@${app.descriptor.digest}`;
  expect(await judge({ reference: byDigest })).toBe('IMAGE_REVOKED');
  await shelf.hang(app, before);
  expect(await judge()).toBe('IMAGE_REVOKED');
  expect(await judge({}, nowhere)).toBe(7);
});

test.each([
  ["a stranger's", () => attestRevocation(stranger, app.descriptor.digest, { reason: 'x', time: 1 })],
  [
    'one of another image',
    () => attestRevocation(shelf.key, old.descriptor.digest, { reason: 'x', time: 1 }),
  ],
])('%s revocation is none', async (_name, made) => {
  const ours = hung(app, [standing(7)]);
  const bundle = bundleArtifact(made(), { key: shelf.key.public, subject: app.descriptor, epoch: 0 });
  await shelf.hang(app, { ...ours, bundles: [...ours.bundles, bundle] });
  expect(await judge()).toBe(7);
});

test('a revocation of a form that is not known revokes', async () => {
  const strange = attestRevocation(shelf.key, app.descriptor.digest, { later: 'form' } as never);
  await shelf.hang(app, hung(app, [standing(7)], [strange]));
  expect(await judge()).toBe('IMAGE_REVOKED');
});

test('a revoked verdict does not count, the next one does', async () => {
  const { bundles } = signImage(shelf.key, shelf.signInput({ ...app, references: [reference()] }));
  const payloadOf = (at: number) => {
    const [blob] = [...bundles[at]!.blobs.values()].filter((one) => one.length > 2);
    const { dsseEnvelope } = JSON.parse(blob!.toString()) as { dsseEnvelope: { payload: string } };
    return Buffer.from(dsseEnvelope.payload, 'base64');
  };
  const payload = [0, 1, 2, 3].map(payloadOf).find((one) => one.includes(predicateTypes.verdict))!;
  const verdict = `sha256:${createHash('sha256').update(payload).digest('hex')}`;
  await shelf.hang(app, hung(app, [standing(7)], [revocation({ verdicts: [verdict] })]));
  for (const only of [undefined, 'sig', 'bundle'] as const)
    expect(await judge({ only })).toBe('VERDICT_REVOKED');
  expect(await judge({ signatureOnly: true })).toBe(7);
  const other = revocation({ verdicts: [`sha256:${'0'.repeat(64)}`] });
  const fresh = await mkdtemp(shelf.path('state-'));
  await shelf.hang(app, hung(app, [standing(7)], [other]));
  expect(await judge({}, fresh)).toBe(7);
});
