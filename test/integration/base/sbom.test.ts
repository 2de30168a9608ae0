/** The bills of materials of a product on a base that buildah made, held against the tree that buildah unpacks of it. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { attachedEnvelopes } from '../../../src/stages/sign/attestation.ts';
import { bundledEnvelopes } from '../../../src/stages/sign/sigstore-bundle.ts';
import { readPublicKey } from '../../../src/stages/sign/public-key.ts';
import { openEnvelope } from '../../../src/stages/sign/statement.ts';
import { fetchAttachment, fetchBundles } from '../../../src/pipeline/trust/fetch-signatures.ts';
import type { BuildAnswer } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';
import { Bench, runsToItsEnd } from '../../helpers/publish-fixture.ts';
import {
  cyclonedxFaults,
  cyclonedxFiles,
  cyclonedxOwners,
  cyclonedxRpms,
  installedRpms,
  purlOf,
  spdxFaults,
  spdxFiles,
  spdxOwners,
  spdxRpms,
  sumsBelow,
  type CycloneDx,
  type Spdx,
  type Sums,
} from '../../helpers/sbom-readers.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { Buildah, dbPath } from './buildah.ts';

let bench: Bench;
let buildah: Buildah;
let built: BuildAnswer;
let baseDigest: string;
/** What buildah unpacks of the published product. */
let tree: string;
/** Before rpm has looked at it, which leaves a lock in it. */
let unpacked: Map<string, Sums>;
let spdx: Spdx;
let cyclonedx: CycloneDx;
const product = 'product';

beforeAll(async () => {
  bench = await Bench.open();
  buildah = new Buildah(bench.desk.path('buildah'));
  await buildah.base('foreign');
  const { host } = bench.server;
  await buildah.push('foreign', 'oci', `docker://${host}/foreign:1`);
  baseDigest = (await bench.client().getManifest('foreign', '1'))!.digest;
  const baseurl = await bench.desk.repository('packages', ['tiny-app', 'tiny-extra']);
  const recipe = await bench.desk.recipe(product, {
    ...runsToItsEnd,
    repos: [{ name: 'tiny', baseurl, keys: [(await tinyPackages()).key] }],
    from: { image: `${host}/foreign:1`, unsigned: true },
    packages: ['tiny-app'],
  });
  built = await bench.desk.build(recipe, '--output', bench.desk.path('layout'));
  await bench.run(['boot', product]);
  await bench.publish(product, `${host}/product:1`);
  tree = await buildah.tree(`${host}/product:1`);
  unpacked = await sumsBelow(tree);
  const out = bench.desk.path('product.cdx.json');
  await bench.run(['sbom', product, '--format', 'cyclonedx', '--out', out]);
  cyclonedx = JSON.parse(await readFile(out, 'utf8')) as CycloneDx;
  const { stdout } = await bench.desk.run(['sbom', product]);
  spdx = JSON.parse(stdout) as Spdx;
});
afterAll(async () => {
  await buildah.close();
  await bench.close();
});

test('they are valid, and list what rpm finds installed: of the base, and on it', async () => {
  expect(await spdxFaults(spdx)).toEqual([]);
  expect(await cyclonedxFaults(cyclonedx)).toBe(null);
  const installed = await installedRpms(tree, dbPath);
  expect(installed.map((line) => line.split(' ')[0])).toEqual(['tiny-app', 'tiny-base']);
  expect(spdxRpms(spdx)).toEqual(installed);
  expect(cyclonedxRpms(cyclonedx)).toEqual(installed);
});

test('the base is named in both', () => {
  const below = spdx.packages.find(({ SPDXID }) => SPDXID === 'SPDXRef-Base')!;
  const name = `${bench.server.host}/foreign:1`;
  expect([below.name, below.versionInfo]).toEqual([name, baseDigest]);
  const ancestors = cyclonedx.metadata.component.pedigree!.ancestors;
  expect(ancestors).toMatchObject([{ name, version: baseDigest, purl: purlOf(below) }]);
});

test('each regular file has its digests, and the highest layer that GNU tar finds it in', async () => {
  for (const path of ['/etc/anew/new', `${dbPath}/rpmdb.sqlite`, '/usr/bin/busybox']) {
    expect(unpacked.has(path), path).toBe(true);
  }
  const tars = await layersOf(bench.desk.path('layout'));
  const inLayers = tars.map(
    (tar) =>
      new Set(
        listTars([tar])
          .split('\n')
          .map((line) => line.replace(/^\.?\/?/, '/')),
      ),
  );
  const expected = new Map(
    [...unpacked].map(([path, sums]) => {
      const index = inLayers.findLastIndex((paths) => paths.has(path));
      return [path, { ...sums, layer: built.layers[index]?.diffID }];
    }),
  );
  const own = new Set([...expected.values()].map(({ layer }) => layer));
  expect(own.size).toBeGreaterThan(2);
  expect(spdxFiles(spdx)).toEqual(expected);
  expect(cyclonedxFiles(cyclonedx)).toEqual(expected);
});

test('each file is in the packages that rpm -qf names', async () => {
  const expected = new Map<string, string[]>();
  for (const path of spdxFiles(spdx).keys()) {
    const query = ['--root', tree, '--dbpath', dbPath, '-qf', '--qf', '%{NAME}\\n', path];
    const { exitCode, stdout } = await run('rpm', query, { allow: [0, 1] });
    expected.set(path, exitCode === 0 ? stdout.trim().split('\n').toSorted() : ['']);
  }
  expect(expected.get('/etc/anew/new')).toEqual(['']);
  expect([...expected.values()].flat()).toContain('tiny-app');
  expect(spdxOwners(spdx)).toEqual(expected);
  expect(cyclonedxOwners(cyclonedx)).toEqual(expected);
});

test('the very documents are signed with the image, in both layouts', async () => {
  const digest = built.manifestDigest as `sha256:${string}`;
  const image = { client: bench.client(), repository: 'product', digest };
  const key = readPublicKey(await readFile(bench.publicKey, 'utf8'));
  const attached = attachedEnvelopes(digest, await fetchAttachment(image, 'att'));
  for (const envelopes of [attached, bundledEnvelopes(await fetchBundles(image))]) {
    const statements = envelopes.map((one) => openEnvelope({ key, digest }, one.read(), one.name));
    const predicateOf = (type: string) => statements.find((one) => one.predicateType === type)?.predicate;
    expect(predicateOf('https://spdx.dev/Document')).toEqual(spdx);
    expect(predicateOf('https://cyclonedx.org/bom')).toEqual(cyclonedx);
  }
  const reference = `${bench.server.host}/product:1`;
  const { proved } = await bench.run<{ proved: { claim: string; detail: string }[] }>([
    'verify',
    reference,
    '--key',
    bench.publicKey,
  ]);
  const detail = `SPDX and CycloneDX, of 2 packages and ${spdxFiles(spdx).size} files`;
  expect(proved.filter(({ claim }) => claim === 'sbom').map((one) => one.detail)).toEqual([detail, detail]);
});
