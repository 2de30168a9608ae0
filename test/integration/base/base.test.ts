/** Products on bases that no recipe makes: pulled by digest under their keys, read, built on, and given back unchanged. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { indexType } from '../../../src/lib/oci/descriptor.ts';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { Bench, runsToItsEnd, type PublishAnswer } from '../../helpers/publish-fixture.ts';
import { Lookaside } from '../../helpers/registry/lookaside.ts';
import { GpgHome } from '../../helpers/rpm/gpg-home.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { compareTrees } from '../../helpers/trees/compare-trees.ts';
import { isNormalised } from '../../helpers/trees/normalized-paths.ts';
import { Buildah, installInto } from './buildah.ts';
import { shareOfDay } from '../../helpers/soak.ts';

useOneProcess();

let bench: Bench;
let host: string;
let hat: BuildAnswer;
let buildah: Buildah;
/** The vendor's own: knows nothing of how the bases were made. */
let vendor: Desk;
let repos: object[];

beforeAll(async () => {
  bench = await Bench.open();
  host = bench.server.host;
  vendor = await Desk.open();
  const baseurl = await vendor.repository('packages', ['tiny-app', 'tiny-extra']);
  repos = [{ name: 'tiny', baseurl, keys: [(await tinyPackages()).key] }];
  buildah = new Buildah(bench.desk.path('buildah'));
  hat = await bench.booted('hat', ['tiny-base']);
  await bench.publish('hat', `${host}/hat:1`);
  await buildah.base('foreign');
});
afterAll(async () => {
  await buildah.close();
  await vendor.remove();
  await bench.close();
});

const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const signed = () => ({ image: `${host}/hat:1`, keys: [bench.publicKey] });
const product = (name: string, from: object | string, packages = ['tiny-app'], fields: object = {}) =>
  vendor.recipe(name, { ...runsToItsEnd, repos, from, packages, ...fields });

async function lockOf(recipe: string): Promise<Lock['arches'][string]> {
  const text = await readFile(recipe.replace('.yaml', '.lock.json'), 'utf8');
  return (JSON.parse(text) as Lock).arches[arch]!;
}

interface Manifest {
  layers: { digest: string; mediaType: string }[];
  annotations: Record<string, string>;
}

async function manifestAt(repository: string, reference: string): Promise<Manifest & { digest: string }> {
  const { bytes, digest } = (await bench.client().getManifest(repository, reference))!;
  return { ...(JSON.parse(bytes.toString()) as Manifest), digest };
}

/** What is published has the base's layers as its first, byte for byte, and a reader finds the tree that rpm makes. */
async function expectOnBase(recipe: string, base: string[], tree: string): Promise<void> {
  const name = recipe.slice(recipe.lastIndexOf('/') + 1, -'.yaml'.length);
  const built = await vendor.build(recipe);
  await vendor.json(['boot', name]);
  const publishing = ['publish', name, '--key', bench.key, '--to', `${host}/${name}:1`];
  const { mountedBlobs } = await bench.run<PublishAnswer>([...publishing, '--state', vendor.state]);
  expect(mountedBlobs).toBe(base.length);
  const published = await manifestAt(name, '1');
  expect(published.digest).toBe(built.manifestDigest);
  expect(published.layers.slice(0, base.length).map(({ digest }) => digest)).toEqual(base);
  expect(published.layers.length).toBeGreaterThan(base.length);
  const expected = vendor.path(`expected-${name}`);
  await run('cp', ['-a', tree, expected]);
  await installInto(expected, 'tiny-app');
  expect(await compareTrees(await buildah.tree(`${host}/${name}:1`), expected, isNormalised)).toEqual([]);
}

test('on a base from a registry, by digest under its key', async () => {
  const recipe = await product('cap', signed());
  await vendor.json(['lock', recipe]);
  const { image, packages, base } = await lockOf(recipe);
  expect(image).toEqual({
    name: `${host}/hat:1`,
    digest: hat.manifestDigest,
    packages: [`tiny-base-1.0-1.${arch}`],
  });
  expect(packages.map(({ name }) => name)).toEqual(['tiny-app']);
  expect(base).toEqual([]);
  const digests = hat.layers.map(({ digest }) => digest);
  await expectOnBase(recipe, digests, await buildah.tree(`${host}/hat:1`));
  const { annotations } = await manifestAt('cap', '1');
  expect(annotations['org.opencontainers.image.base.name']).toBe(`${host}/hat:1`);
  expect(annotations['org.opencontainers.image.base.digest']).toBe(hat.manifestDigest);
});

const formats = shareOfDay(['v2s2', 'oci'], 2);

test.each(formats)('on a base that buildah made (%s)', async (format) => {
  const name = `foreign-${format}`;
  await buildah.push('foreign', format, `docker://${host}/${name}:1`);
  const recipe = await product(`on-${format}`, { image: `${host}/${name}:1`, unsigned: true });
  const { layers } = await manifestAt(name, '1');
  const tree = await buildah.tree(`${host}/${name}:1`);
  await expectOnBase(
    recipe,
    layers.map(({ digest }) => digest),
    tree,
  );
  const { layers: published } = await manifestAt(`on-${format}`, '1');
  expect(new Set(published.map(({ mediaType }) => mediaType))).toEqual(
    new Set(['application/vnd.oci.image.layer.v1.tar+gzip', 'application/vnd.oci.image.layer.v1.tar+zstd']),
  );
  const config = await vendor.json<{ config: { cmd: string[]; env: object } }>(['inspect', `on-${format}`]);
  expect(config.config).toMatchObject({ env: { MAKER: 'buildah' } });
});

test('the same without the registry: what was pulled is kept, and gives the same image', async () => {
  const recipe = await product('checked', signed());
  const first = await vendor.build(recipe);
  await bench.server.kill();
  try {
    const checked = await vendor.build(recipe, '--check');
    expect(checked.manifestDigest).toBe(first.manifestDigest);
    await vendor.json(['gc', '--keep-days', '0']);
    const again = await vendor.build(recipe);
    expect(again.manifestDigest).toBe(first.manifestDigest);
  } finally {
    await bench.server.start();
  }
});

test('what signs a base is the key that the recipe names', async () => {
  await bench.makeKey('stranger');
  const unsigned = { image: `${host}/foreign-${formats[0]!}:1`, keys: [bench.publicKey] };
  const cases: [string, object, string, number][] = [
    ['unsigned', unsigned, 'SIGNATURE_MISSING', 13],
    ['stranger', { ...signed(), keys: [bench.desk.path('stranger.pub')] }, 'SIGNATURE_WRONG_KEY', 14],
  ];
  for (const [name, from, code, exit] of cases) {
    const recipe = await product(name, from);
    expect(await vendor.fails(['lock', recipe])).toMatchObject({ code, exit });
    expect(existsSync(recipe.replace('.yaml', '.lock.json'))).toBe(false);
  }
  // A lock that was made under another policy does not carry over: the build asks again.
  const recipe = await product('later', { ...signed(), keys: [], unsigned: true });
  await vendor.build(recipe);
  await product('later', { ...signed(), keys: [bench.desk.path('stranger.pub')] });
  expect(await vendor.fails(['build', recipe])).toMatchObject({ code: 'SIGNATURE_WRONG_KEY', exit: 14 });
});

test('a base may be signed with OpenPGP, beside its registry', async () => {
  const [lookaside, home] = [await Lookaside.start(), await GpgHome.open()];
  try {
    const fingerprint = await home.makeKey('distribution', 'rsa4096');
    await lookaside.sign(`${host}/hat:1`, { home: home.path, fingerprint });
    // Binary, in a file whose name says nothing; behind a stranger's key, of which one alone would be refused.
    const keys = [
      bench.desk.path('stranger.pub'),
      await home.export(vendor.path('keyring'), [fingerprint], []),
    ];
    const env = { HOME: await lookaside.home(host) };
    const recipe = await product('distribution', { image: `${host}/hat:1`, keys });
    expect(await vendor.fails(['lock', recipe])).toMatchObject({ code: 'SIGNATURE_WRONG_KEY', exit: 14 });
    expect(await vendor.run(['lock', recipe], { env })).toMatchObject({ code: 0 });
    expect((await lockOf(recipe)).image?.digest).toBe(hat.manifestDigest);
    // What was found to be signed is known by the key: nobody is asked again.
    expect(await vendor.run(['build', recipe])).toMatchObject({ code: 0 });
  } finally {
    await home.close();
    await lookaside.close();
  }
});

const copy = (from: string, to: string) =>
  run('skopeo', ['copy', '--src-tls-verify=false', '--dest-tls-verify=false', from, to].map(place));
const place = (text: string) => (text.startsWith('-') || text === 'copy' ? text : `docker://${host}/${text}`);

test('an image of another name under a signed digest is not the one that was signed', async () => {
  const tag = hat.manifestDigest.replace(':', '-');
  await copy('hat:1', 'moved:1');
  await copy(`hat:${tag}.sig`, `moved:${tag}.sig`);
  const client = bench.client();
  for (const { digest } of await client.referrers('hat', hat.manifestDigest as Digest)) {
    await copy(`hat@${digest}`, `moved@${digest}`);
  }
  const index = (await client.getManifest('hat', tag))!;
  await client.putManifest('moved', tag, index.bytes, index.mediaType);
  const from = { image: `${host}/moved:1`, keys: [bench.publicKey] };
  const recipe = await product('moved', from);
  expect(await vendor.fails(['lock', recipe])).toMatchObject({ code: 'SIGNED_ELSEWHERE', exit: 19 });
  // Nor where a recipe takes bundles that name nothing: these do.
  const lax = await product('moved', { ...from, unnamed: true });
  expect(await vendor.fails(['lock', lax])).toMatchObject({ code: 'SIGNED_ELSEWHERE', exit: 19 });
  const verify = ['verify', `${host}/moved:1`, '--key', bench.publicKey];
  for (const flags of [[], ['--only', 'bundle'], ['--signature-only'], ['--only', 'bundle', '--unnamed']]) {
    expect(await bench.fails([...verify, ...flags])).toEqual({ code: 'SIGNED_ELSEWHERE', exit: 19 });
  }
  await bench.run([...verify, '--only', 'bundle', '--signed-as', `${host}/hat:1`]);
});

test('any other image of the key under the tag of a base is not the base', async () => {
  await bench.booted('cap', ['tiny-base', 'tiny-app']);
  await bench.publish('cap', `${host}/line:1`);
  await bench.publish('hat', `${host}/line:2`);
  const recipe = await product('line', { image: `${host}/line:1`, keys: [bench.publicKey] });
  await vendor.json(['lock', recipe]);
  const moved = (await bench.client().getManifest('line', '2'))!;
  await bench.client().putManifest('line', '1', moved.bytes, moved.mediaType);
  expect(await vendor.fails(['lock', recipe])).toMatchObject({ code: 'SIGNED_ELSEWHERE', exit: 19 });
});

test('a tag that moves does not move the lock; locking again does', async () => {
  const from = { image: `${host}/moving:1`, unsigned: true };
  await buildah.push('foreign-below', 'oci', `docker://${host}/moving:1`);
  const recipe = await product('moving', from);
  const before = await vendor.build(recipe);
  await buildah.push('foreign', 'oci', `docker://${host}/moving:1`);
  expect((await vendor.build(recipe)).manifestDigest).toBe(before.manifestDigest);
  const { image } = await lockOf(recipe);
  await vendor.json(['lock', recipe, '--update', 'tiny-app']);
  expect((await lockOf(recipe)).image).toEqual(image);
  await vendor.json(['lock', recipe]);
  expect((await lockOf(recipe)).image?.digest).toBe((await manifestAt('moving', '1')).digest);
  expect((await vendor.build(recipe)).manifestDigest).not.toBe(before.manifestDigest);
});

test('an index leads to the image of the architecture, and both are locked', async () => {
  const found = (await bench.client().getManifest('hat', '1'))!;
  const { mediaType, digest } = found;
  const entry = { mediaType, digest, size: found.bytes.length };
  await bench.publish('hat', `${host}/hat:index`);
  const platforms = [process.arch === 'arm64' ? 'arm64' : 'amd64', 'riscv64'];
  const manifests = platforms.map((architecture) => ({ ...entry, platform: { os: 'linux', architecture } }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
  const index = await bench.client().putManifest('hat', 'index', bytes, indexType);
  // The image is signed as what the index is called now; of the index nobody says anything.
  const recipe = await product('indexed', { image: `${host}/hat:index`, keys: [bench.publicKey] });
  await vendor.json(['lock', recipe]);
  expect((await lockOf(recipe)).image).toMatchObject({ digest, index });
  await vendor.build(recipe);
});

test('a recipe on a recipe on a base from elsewhere', async () => {
  const lower = await product('lower', signed());
  const upper = await product('upper', 'lower', ['tiny-extra']);
  const [one, other] = [await vendor.build(lower), await vendor.build(upper)];
  expect(other.layers.slice(0, one.layers.length)).toEqual(one.layers);
  const { image, packages, base } = await lockOf(upper);
  expect(image?.digest).toBe(hat.manifestDigest);
  expect(packages.map(({ name }) => name)).toEqual(['tiny-app', 'tiny-extra']);
  expect(base).toEqual([`tiny-app-1.0-1.${arch}`]);
});

test('a release carries keys to its workers, and no file system', async () => {
  const recipe = await product('released', signed());
  const release = (path: string) => {
    const to = ['--to', `${host}/queue/{{name}}:1`, '--key', bench.key];
    return ['release', path, ...to, '--state', vendor.state];
  };
  await bench.run(release(recipe));
  const { manifestDigest } = await vendor.build(recipe);
  expect((await manifestAt('queue/released', '1')).digest).toBe(manifestDigest);
  const files = await product('files', { directory: vendor.directory });
  expect(await bench.fails(release(files))).toEqual({ code: 'RECIPE_INVALID', exit: 3 });
});
