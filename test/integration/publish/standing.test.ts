/** What the commands make of tags that were moved back and of what was revoked: publish, verify, lock, build, revoke. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { Bench, runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';

useOneProcess();

let bench: Bench;
let host: string;
let hat: BuildAnswer;
let cap: BuildAnswer;
/** Who builds on what is published, with a memory of its own. */
let vendor: Desk;
let repos: object[];

beforeAll(async () => {
  bench = await Bench.open();
  host = bench.server.host;
  hat = await bench.booted('hat', ['tiny-base']);
  cap = await bench.booted('cap', ['tiny-base', 'tiny-app']);
  vendor = await Desk.open();
  const baseurl = await vendor.repository('packages', ['tiny-app', 'tiny-extra']);
  repos = [{ name: 'tiny', baseurl, keys: [(await tinyPackages()).key] }];
});
afterAll(async () => {
  await vendor.remove();
  await bench.close();
});

interface Verification {
  manifestDigest: string;
  proved: { claim: string; detail: string }[];
}

const verify = (reference: string, ...flags: string[]) => [
  'verify',
  reference,
  '--key',
  bench.publicKey,
  ...flags,
];
const product = (name: string, image: string, more: object = {}) =>
  vendor.recipe(name, {
    ...runsToItsEnd,
    repos,
    from: { image, keys: [bench.publicKey], ...more },
    packages: ['tiny-extra'],
  });

async function moveTag(repository: string, tag: string, digest: string): Promise<void> {
  const { bytes, mediaType } = (await bench.client().getManifest(repository, digest))!;
  await bench.client().putManifest(repository, tag, bytes, mediaType);
}

test('a tag that is moved back is refused by whoever has seen the newer one', async () => {
  const reference = `${host}/line:1`;
  await bench.publish('hat', reference);
  await bench.publish('cap', reference);
  const seen = await bench.run<Verification>(verify(reference));
  expect(seen.manifestDigest).toBe(cap.manifestDigest);
  expect(seen.proved.map(({ claim }) => claim)).toContain('tag');
  const recipe = await product('on-line', reference);
  await vendor.json(['lock', recipe]);
  await moveTag('line', '1', hat.manifestDigest);
  const refused = { code: 'TAG_ROLLED_BACK', exit: 19 };
  for (const flags of [[], ['--only', 'sig'], ['--only', 'bundle'], ['--signature-only']]) {
    expect(await bench.fails(verify(reference, ...flags))).toEqual(refused);
  }
  expect(await vendor.fails(['lock', recipe])).toMatchObject(refused);
  // What was locked is what was meant.
  await vendor.build(recipe);
  // The publisher may go back: with a number of its own.
  await bench.publish('hat', reference);
  expect((await bench.run<Verification>(verify(reference))).manifestDigest).toBe(hat.manifestDigest);
  await vendor.json(['lock', recipe]);
});

test('a revoked image is refused everywhere, also where its revocation is taken away', async () => {
  const reference = `${host}/gone:1`;
  await bench.publish('cap', reference);
  const recipe = await product('on-gone', reference);
  await vendor.json(['lock', recipe]);
  const index = (await bench.client().getManifest('gone', tagOf(cap.manifestDigest as Digest)))!;
  const att = (await bench.client().getManifest('gone', `${tagOf(cap.manifestDigest as Digest)}.att`))!;
  const revoke = ['revoke', reference, '--key', bench.key, '--reason', 'a hole'];
  expect(await bench.run(revoke)).toMatchObject({ reference, manifestDigest: cap.manifestDigest });
  const refused = { code: 'IMAGE_REVOKED', exit: 14 };
  const everywhere = async () => {
    expect(await bench.fails(verify(reference))).toEqual(refused);
    expect(await bench.fails(verify(`${host}/gone@${cap.manifestDigest}`, '--signature-only'))).toEqual(
      refused,
    );
    expect(await bench.fails(bench.publishing('cap', `${host}/gone:2`))).toEqual(refused);
    expect(await vendor.fails(['lock', recipe])).toMatchObject(refused);
    expect(await vendor.fails(['build', recipe])).toMatchObject(refused);
  };
  await everywhere();
  await bench.client().putManifest('gone', tagOf(cap.manifestDigest as Digest), index.bytes, index.mediaType);
  const attTag = `${tagOf(cap.manifestDigest as Digest)}.att`;
  await bench.client().putManifest('gone', attTag, att.bytes, att.mediaType);
  await everywhere();
  // Nor does the same image go anywhere else from here.
  expect(await bench.fails(bench.publishing('cap', `${host}/elsewhere:1`))).toEqual(refused);
});

test('a revoked verdict is made good by another boot', async () => {
  const reference = `${host}/again:1`;
  await bench.publish('hat', reference);
  const revoke = [
    'revoke',
    reference,
    '--key',
    bench.key,
    '--reason',
    'its worker was broken into',
    '--verdict',
  ];
  const { verdicts } = await bench.run<{ verdicts: string[] }>(revoke);
  expect(verdicts).toEqual([expect.stringMatching(/^sha256:[0-9a-f]{64}$/)]);
  const refused = { code: 'VERDICT_REVOKED', exit: 16 };
  expect(await bench.fails(verify(reference))).toEqual(refused);
  await bench.run(verify(reference, '--signature-only'));
  expect(await bench.fails(bench.publishing('hat', reference))).toEqual(refused);
  await bench.run(['boot', 'hat']);
  await bench.publish('hat', reference);
  await bench.run(verify(reference));
});

test('who revokes is who signed, and what they revoke is there', async () => {
  const reference = `${host}/kept:1`;
  await bench.publish('hat', reference);
  await bench.makeKey('stranger');
  const revoke = (of: string, key: string, ...flags: string[]) => [
    'revoke',
    of,
    '--key',
    bench.desk.path(key),
    '--reason',
    'spite',
    ...flags,
  ];
  await bench.run(revoke(reference, 'stranger.key'));
  await bench.run(verify(reference));
  expect(await bench.fails(revoke(reference, 'stranger.key', '--verdict'))).toEqual({
    code: 'VERDICT_MISSING',
    exit: 16,
  });
  expect(await bench.fails(revoke(`${host}/kept:2`, 'release.key'))).toEqual({
    code: 'IMAGE_UNPUBLISHED',
    exit: 3,
  });
});
