/** One index for all architectures: what a registry has of it, what clients see, and what verify proves. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { indexType, manifestType } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of, tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import { readImageIndex, zstdAnnotation } from '../../../src/lib/oci/image-index.ts';
import { clientsTake } from '../../helpers/clients-take.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Bench, type PublishAnswer } from '../../helpers/publish-fixture.ts';
import { skopeo } from '../../helpers/trixie.ts';
import { buildTwo, recipeOfTwo, twoArches } from '../../helpers/two-arches.ts';

useOneProcess();

interface IndexAnswer extends PublishAnswer {
  images: { arch: string; manifestDigest: Digest }[];
}

interface Verified {
  manifestDigest: string;
  proved: { claim: string; layout: string }[];
  images: { platform: string; manifestDigest: string; proved: { claim: string }[] }[];
}

let bench: Bench;
let host: string;
let recipe: string;
let digests: Record<(typeof twoArches)[number], Digest>;
let index: Digest;
beforeAll(async () => {
  bench = await Bench.open();
  host = bench.server.host;
  recipe = await recipeOfTwo(bench.desk, 'twins');
  const built = await buildTwo(bench.desk, recipe);
  for (const arch of twoArches) await bench.run(['boot', 'twins', '--arch', arch]);
  digests = {
    x86_64: built.x86_64.manifestDigest as Digest,
    x86_64_v2: built.x86_64_v2.manifestDigest as Digest,
  };
  index = (await publishTwins('a/twins:1')).manifestDigest as Digest;
});
afterAll(() => bench.close());

const publishTwins = (...names: string[]) =>
  bench.publish('twins', ...names.map((name) => `${host}/${name}`)) as Promise<IndexAnswer>;
const verify = (reference: string, ...flags: string[]) =>
  bench.run<Verified>(['verify', reference, '--key', bench.publicKey, ...flags]);

test('the tag names an index of both images, and the same images give the same index', async () => {
  const found = (await bench.client().getManifest('a/twins', '1'))!;
  expect([found.digest, found.mediaType, sha256Of(found.bytes)]).toEqual([index, indexType, index]);
  const sizes = await Promise.all(
    twoArches.map(async (arch) => (await bench.client().getManifest('a/twins', digests[arch]))!.bytes.length),
  );
  expect(readImageIndex('a/twins:1', found.bytes)).toEqual([
    {
      mediaType: manifestType,
      digest: digests.x86_64,
      size: sizes[0],
      annotations: { [zstdAnnotation]: 'true' },
      platform: { architecture: 'amd64', os: 'linux' },
    },
    {
      mediaType: manifestType,
      digest: digests.x86_64_v2,
      size: sizes[1],
      annotations: { [zstdAnnotation]: 'true' },
      platform: { architecture: 'amd64', os: 'linux', variant: 'v2' },
    },
  ]);
  const again = await publishTwins('a/twins:1');
  expect(again).toMatchObject({ manifestDigest: index, uploadedBytes: 0, references: [`${host}/a/twins:1`] });
  const images = twoArches.map((arch) => ({ arch, manifestDigest: digests[arch] }));
  expect(again.images).toEqual(images);
  const turned = await bench.run<IndexAnswer>([
    ...bench.publishing('twins', `${host}/a/turned:1`),
    '--arch',
    'x86_64_v2',
    '--arch',
    'x86_64',
  ]);
  expect(turned.manifestDigest).toBe(index);
});

test('each image is signed, listed and booted on its own; the index is signed, and states what the tag names', async () => {
  const types = async (digest: Digest) =>
    (await bench.client().referrers('a/twins', digest)).map(
      ({ annotations }) => annotations?.['dev.sigstore.bundle.predicateType'],
    );
  const evidence = [
    'https://sigstore.dev/cosign/sign/v1',
    'https://spdx.dev/Document',
    'https://cyclonedx.org/bom',
    'https://in-toto.io/attestation/test-result/v0.1',
  ];
  for (const arch of twoArches) expect(await types(digests[arch])).toEqual(evidence);
  expect(await types(index)).toEqual([evidence[0], 'https://milliner.io/attestation/tag/v1']);
  const attached = [...Object.values(digests), index].flatMap((digest) => {
    const tag = tagOf(digest);
    return [tag, `${tag}.att`, `${tag}.sig`];
  });
  expect(await bench.tags('a/twins')).toEqual(['1', ...attached].toSorted());
});

test('verify proves the index and each of its images, or the one of an architecture', async () => {
  const whole = await verify(`${host}/a/twins:1`);
  expect(whole.manifestDigest).toBe(index);
  expect(whole.proved.map(({ layout, claim }) => [layout, claim])).toEqual([
    ['sig', 'signature'],
    ['bundle', 'signature'],
    ['any', 'tag'],
  ]);
  expect(whole.images.map(({ platform, manifestDigest }) => [platform, manifestDigest])).toEqual([
    ['linux/amd64', digests.x86_64],
    ['linux/amd64/v2', digests.x86_64_v2],
  ]);
  const claims = ['signature', 'sbom', 'verdict'];
  for (const { proved } of whole.images)
    expect(proved.map(({ claim }) => claim)).toEqual([...claims, ...claims]);
  const one = await verify(`${host}/a/twins:1`, '--arch', 'x86_64_v2', '--only', 'sig');
  expect(one.images.map(({ manifestDigest }) => manifestDigest)).toEqual([digests.x86_64_v2]);
  // A processor of a higher level takes the image that it gains most from.
  const best = await verify(`${host}/a/twins:1`, '--arch', 'x86_64_v4');
  expect(best.images[0]!.manifestDigest).toBe(digests.x86_64_v2);
  const lacking = ['verify', `${host}/a/twins:1`, '--key', bench.publicKey, '--arch', 'aarch64'];
  expect(await bench.fails(lacking)).toEqual({ code: 'IMAGE_UNPUBLISHED', exit: 3 });
  const own = await verify(
    `${host}/a/twins@${digests.x86_64_v2}`,
    '--arch',
    'x86_64_v2',
    '--signed-as',
    `${host}/a/twins:1`,
  );
  expect(own.images).toBe(undefined);
  const other = ['verify', `${host}/a/twins@${digests.x86_64_v2}`, '--key', bench.publicKey, '--unnamed'];
  expect(await bench.fails([...other, '--signed-as', `${host}/a/twins:1`, '--arch', 'x86_64'])).toEqual({
    code: 'IMAGE_UNPUBLISHED',
    exit: 3,
  });
  expect(await bench.fails([...other.slice(0, 4), '--signature-only', '--arch', 'x86_64'])).toEqual({
    code: 'USAGE',
    exit: 2,
  });
});

const nothingTaken = { skopeo: undefined, skopeoOne: false, podman: false, cosign: false };
const allTaken = (digest: Digest) => ({ skopeo: digest, skopeoOne: true, podman: true, cosign: true });

test('skopeo, podman and cosign take the index and its images with the key, and not with another', async () => {
  await bench.makeKey('other');
  expect(await clientsTake(bench, `${host}/a/twins:1`)).toEqual(allTaken(index));
  expect(await clientsTake(bench, `${host}/a/twins:1`, 'other')).toEqual(nothingTaken);
  const raw = await skopeo(['inspect', '--raw', '--tls-verify=false', `docker://${host}/a/twins:1`], {
    env: { HOME: bench.desk.directory },
  });
  expect(sha256Of(Buffer.from(raw.stdout))).toBe(index);
});

test.each([
  ['gzip', [undefined, undefined]],
  ['zstd:chunked', ['true', 'true']],
])('layers of %s: the index says so, and clients keep its digest', async (compression, annotations) => {
  const name = compression.replace(':', '-');
  const own = await recipeOfTwo(bench.desk, name, {}, { layers: { compression } });
  await buildTwo(bench.desk, own);
  for (const arch of twoArches) await bench.run(['boot', name, '--arch', arch]);
  const reference = `${host}/a/${name}:1`;
  const { manifestDigest } = await bench.publish(name, reference);
  const found = (await bench.client().getManifest(`a/${name}`, '1'))!;
  expect(readImageIndex(reference, found.bytes).map((image) => image.annotations?.[zstdAnnotation])).toEqual(
    annotations,
  );
  expect(await clientsTake(bench, reference)).toEqual(allTaken(manifestDigest as Digest));
});

test('inspect, diff and sbom take the digest of the index with an architecture', async () => {
  const inspect = (...args: string[]) =>
    bench.run<{ manifestDigest: string; arch: string }>(['inspect', ...args]);
  for (const [arch, digest] of Object.entries(digests)) {
    expect(await inspect('twins', '--arch', arch)).toMatchObject({ arch, manifestDigest: digest });
    expect(await inspect(index, '--arch', arch)).toMatchObject({ arch, manifestDigest: digest });
  }
  expect((await inspect('twins')).manifestDigest).toBe(digests.x86_64);
  expect((await inspect(index.slice(0, 20))).manifestDigest).toBe(digests.x86_64);
  expect(await bench.fails(['inspect', index, '--arch', 'aarch64'])).toEqual({
    code: 'IMAGE_NOT_FOUND',
    exit: 3,
  });
  const { images } = await bench.run<{ images: string[] }>(['diff', index, 'twins', '--arch', 'x86_64_v2']);
  expect(images).toEqual([digests.x86_64_v2, digests.x86_64_v2]);
});

test('one architecture alone gets its tag without an index', async () => {
  const alone = await bench.run<IndexAnswer>([
    ...bench.publishing('twins', `${host}/b/twins:1-v2`),
    '--arch',
    'x86_64_v2',
  ]);
  expect(alone).toMatchObject({ manifestDigest: digests.x86_64_v2 });
  expect(alone.images).toBe(undefined);
  const verified = await verify(`${host}/b/twins:1-v2`, '--arch', 'x86_64_v2');
  expect(verified.manifestDigest).toBe(digests.x86_64_v2);
  const wrong = ['verify', `${host}/b/twins:1-v2`, '--key', bench.publicKey, '--arch', 'x86_64'];
  expect(await bench.fails(wrong)).toEqual({ code: 'IMAGE_UNPUBLISHED', exit: 3 });
});

test('it is a base for each of its architectures', async () => {
  const child = await recipeOfTwo(
    bench.desk,
    'child',
    {},
    {
      from: { image: `${host}/a/twins:1`, keys: [bench.publicKey] },
      packages: [],
    },
  );
  const built = await buildTwo(bench.desk, child);
  for (const arch of twoArches) {
    const { layers } = JSON.parse(
      (await bench.client().getManifest('a/twins', digests[arch]))!.bytes.toString(),
    ) as { layers: { digest: string }[] };
    const own = built[arch].layers.map(({ digest }) => digest);
    expect(own.slice(0, layers.length)).toEqual(layers.map(({ digest }) => digest));
  }
});

test('a revoked image takes the whole index with it, and so does a revoked index; the other image stands', async () => {
  await publishTwins('c/twins:1');
  const revoke = (what: string) =>
    bench.run(['revoke', `${host}/c/twins@${what}`, '--key', bench.key, '--reason', 'a test']);
  const verifying = ['verify', `${host}/c/twins:1`, '--key', bench.publicKey];
  await revoke(digests.x86_64_v2);
  expect(await bench.fails(verifying)).toEqual({ code: 'IMAGE_REVOKED', exit: 14 });
  expect((await verify(`${host}/c/twins:1`, '--arch', 'x86_64')).images).toHaveLength(1);
  await revoke(index);
  expect(await bench.fails([...verifying, '--arch', 'x86_64'])).toEqual({ code: 'IMAGE_REVOKED', exit: 14 });
});
