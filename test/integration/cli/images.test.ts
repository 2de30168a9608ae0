/** What is here and published, and which of it carries a package: held against rpm -qa of each image. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { manifestType } from '../../../src/lib/oci/descriptor.ts';
import { tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import type { ImagesReport } from '../../../src/pipeline/report/list-images.ts';
import { historyTag } from '../../../src/stages/sign/history-page.ts';
import { readPublicKey } from '../../../src/stages/sign/public-key.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import type { BuildAnswer } from '../../helpers/milliner.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';

useOneProcess();

let bench: Bench;
let host: string;
let base: BuildAnswer;
let product: BuildAnswer;

beforeAll(async () => {
  bench = await Bench.open();
  host = bench.server.host;
  base = await bench.booted('hat', ['tiny-base']);
  product = await bench.booted('cap', ['tiny-app'], { from: 'hat' });
  await bench.publish('hat', `${host}/hat:1`, `${host}/hat:latest`);
  await bench.publish('cap', `${host}/cap:1`);
});
afterAll(() => bench.close());

const images = (...flags: string[]) => bench.run<ImagesReport>(['images', ...flags]);
const published = (...flags: string[]) => images('--key', bench.publicKey, ...flags);
const references = (report: ImagesReport) => report.published.map(({ reference }) => reference);
const names = (report: ImagesReport) => report.local.map(({ name }) => name);

/** What rpm says of the image's own database, unpacked from the registry by skopeo and tar. */
async function installedIn(reference: string): Promise<string[]> {
  const place = bench.desk.path(`unpacked-${reference.replaceAll(/\W/g, '-')}`);
  await run('skopeo', ['copy', '-q', '--src-tls-verify=false', `docker://${reference}`, `dir:${place}`]);
  const { layers } = JSON.parse(await readFile(join(place, 'manifest.json'), 'utf8')) as {
    layers: { digest: string }[];
  };
  const tree = join(place, 'tree');
  await mkdir(tree);
  for (const { digest } of layers) {
    await run('tar', ['--zstd', '-xf', join(place, digest.replace('sha256:', '')), '-C', tree]);
  }
  const databases = ['usr/lib/sysimage/rpm', 'var/lib/rpm'].map((path) => join(tree, path));
  const database = databases.find((path) => existsSync(join(path, 'rpmdb.sqlite')))!;
  const { stdout } = await run('rpm', ['--dbpath', database, '-qa', '--qf', '%{NAME}\\n']);
  return stdout.trim().split('\n').toSorted();
}

test('the images of this state, and where they are published', async () => {
  const report = await images();
  expect(report.published).toEqual([]);
  expect(names(report)).toEqual(['cap', 'hat']);
  const [cap, hat] = report.local;
  expect(hat).toMatchObject({
    digest: base.manifestDigest,
    packages: base.packages,
    verdict: 'passed',
    references: [`${host}/hat:1`, `${host}/hat:latest`],
    size: base.layers.reduce((sum, { size }) => sum + size, 0),
  });
  expect(cap).toMatchObject({ digest: product.manifestDigest, base: 'hat', references: [`${host}/cap:1`] });
});

test('published images are told from what the key has signed', async () => {
  const report = await published();
  expect(references(report)).toEqual([`${host}/cap:1`, `${host}/hat:1`, `${host}/hat:latest`]);
  const [cap, hat] = report.published;
  expect(cap).toMatchObject({ digest: product.manifestDigest, verdict: 'passed', base: 'hat' });
  expect(hat).toMatchObject({ digest: base.manifestDigest, packages: base.packages, verdict: 'passed' });
  expect(references(await published(`${host}/hat`))).toEqual([`${host}/hat:1`, `${host}/hat:latest`]);
});

test('an image carries what its rpm database has, its own or its base’s', async () => {
  const report = await published();
  for (const { reference, packages } of report.published) {
    const installed = await installedIn(reference);
    expect(packages).toBe(installed.length);
    for (const name of ['tiny-base', 'tiny-app', 'tiny-extra']) {
      const found = references(await published('--with', name)).includes(reference);
      expect([reference, name, found]).toEqual([reference, name, installed.includes(name)]);
    }
  }
  expect(names(await images('--with', 'tiny-base'))).toEqual(['cap', 'hat']);
  expect(names(await images('--with', 'tiny-app'))).toEqual(['cap']);
  expect(names(await images('--with', 'tiny-app < 1.0'))).toEqual([]);
  expect(names(await images('--with', 'tiny-app<=1.0'))).toEqual(['cap']);
  const [cap] = (await published('--with', 'tiny-app = 1.0')).published;
  expect(cap!.carries).toEqual([{ nevra: expect.stringMatching(/^tiny-app-1\.0-1\./) as string }]);
});

test('what cannot be verified is listed with the reason, whatever was asked', async () => {
  const { bytes } = (await bench.client().getManifest('hat', '1'))!;
  await bench.client().putManifest('hat', 'stolen', bytes, manifestType);
  await bench.publish('hat', `${host}/bare:1`);
  const empty = JSON.stringify({ schemaVersion: 2, layers: [], config: {} });
  const tag = tagOf(base.manifestDigest as Digest);
  await bench.client().putManifest('bare', `${tag}.att`, bytes, manifestType);
  await bench
    .client()
    .putManifest('bare', tag, Buffer.from(empty), manifestType)
    .catch(() => undefined);
  const { published: found } = await published(`${host}/hat`, `${host}/bare`, '--with', 'no-such-package');
  expect(found.map(({ reference, problem }) => [reference, problem?.code])).toEqual([
    [`${host}/hat:stolen`, 'SIGNED_ELSEWHERE'],
    [`${host}/bare:1`, expect.stringMatching(/^(?:SIGNATURE_MISSING|IMAGE_ALTERED)$/) as string],
  ]);
  await bench.makeKey('stranger');
  const theirs = await bench.run<ImagesReport>([
    'images',
    `${host}/cap`,
    '--key',
    bench.desk.path('stranger.pub'),
  ]);
  expect(theirs.published.map(({ problem }) => problem?.code)).toEqual(['SIGNATURE_WRONG_KEY']);
});

test('a tag is listed with what holds it', async () => {
  const reference = `${host}/held:1`;
  await bench.publish('hat', reference, `${host}/held:2`);
  const heldAt = async () => {
    const report = await published(`${host}/held`);
    return Object.fromEntries(report.published.map(({ reference: at, held }) => [at.slice(-1), held]));
  };
  expect(await heldAt()).toEqual({ 1: undefined, 2: undefined });
  const until = '2999-01-01T00:00:00Z';
  await bench.run(['hold', reference, '--key', bench.key, '--reason', 'freeze', '--until', until]);
  expect(await heldAt()).toEqual({
    1: { kind: 'held', reason: 'freeze', until: Date.parse(until) / 1000 },
    2: undefined,
  });
  await bench.run(['unhold', reference, '--key', bench.key]);
  await bench.publish('cap', reference);
  await bench.run(['rollback', reference, '--key', bench.key]);
  expect((await heldAt())[1]).toMatchObject({
    kind: 'rejected',
    reason: expect.stringContaining(product.manifestDigest) as string,
  });
  // An account that may push puts something else in place of the records.
  const { bytes } = (await bench.client().getManifest('held', '2'))!;
  const key = readPublicKey(await readFile(bench.publicKey, 'utf8'));
  await bench.client().putManifest('held', historyTag('1', key), bytes, manifestType);
  const [altered] = (await published(`${host}/held`)).published;
  expect(altered!.problem?.code).toBe('HISTORY_ALTERED');
});

/** The repository of a recipe with an advisory for tiny-app 2.0. */
async function advise(): Promise<string> {
  const samples = [{ name: 'tiny-app', version: '2.0' }];
  const directory = await repositoryOf(bench.desk.directory, 'updates', samples);
  const path = bench.desk.path('updateinfo.xml');
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const fixed = `<package name="tiny-app" version="2.0" release="1" arch="${arch}"/>`;
  await writeFile(
    path,
    `<updates><update type="security"><id>TINY-1</id><title>CVE-2026-4242</title><severity>Critical</severity>
     <pkglist><collection>${fixed}</collection></pkglist></update></updates>`,
  );
  await run('modifyrepo_c', [path, join(directory, 'repodata')]);
  const repos = [{ name: 'updates', baseurl: directory, gpgcheck: false }];
  return bench.desk.recipe('updated', { repos, packages: ['tiny-app'] });
}

test('a CVE is asked of the advisories of a recipe, and one that none has is an error', async () => {
  const recipe = await advise();
  const ask = (id: string) => [
    'images',
    `${host}/hat`,
    `${host}/cap`,
    '--key',
    bench.publicKey,
    '--affected-by',
    id,
  ];
  const report = await bench.run<ImagesReport>([...ask('CVE-2026-4242'), '--recipe', recipe]);
  expect(names(report)).toEqual(['cap']);
  const affected = report.published.filter(({ problem }) => problem === undefined);
  expect(affected.map(({ reference }) => reference)).toEqual([`${host}/cap:1`]);
  expect(affected[0]!.carries).toMatchObject([{ advisory: 'TINY-1' }]);
  expect(names(await bench.run<ImagesReport>([...ask('tiny-1'), '--recipe', recipe]))).toEqual(['cap']);
  const unknown = [...ask('CVE-2026-1'), '--recipe', recipe];
  expect(await bench.fails(unknown)).toEqual({ code: 'ADVISORY_NOT_FOUND', exit: 3 });
});

test.each([
  [['images', 'localhost:5000/x']],
  [['images', '--with', 'a <']],
  [['images', '--with', 'a', '--affected-by', 'CVE-2026-1']],
  [['images', '--affected-by', '; rm']],
])('%j is refused', async (args) => {
  expect((await bench.fails(args)).code).toBe('USAGE');
});

test('the command of retention shows what would go, and asks', async () => {
  const place = `${host}/old`;
  await bench.publish('hat', `${place}:20260101`);
  await bench.publish('cap', `${place}:20260102`);
  const retention = ['retention', place, '--rule', '2*,keep=1', '--key', bench.publicKey];
  const { stdout } = await bench.ended([...retention, '--dry-run']);
  expect(stdout).toMatch(/goes .* 20260101 {2}\(expired\)/);
  expect(stdout).toMatch(/stays .* 20260102 {2}\(kept\)/);
  // There is no terminal to ask at.
  expect((await bench.fails(retention)).code).toBe('USAGE');
  expect(await bench.tags('old')).toContain('20260101');
  await bench.run([...retention, '--yes']);
  const tags = await bench.tags('old');
  expect(tags.filter((tag) => !tag.startsWith('sha256-'))).toEqual(['20260102']);
  expect(tags.filter((tag) => tag.startsWith(tagOf(base.manifestDigest as Digest)))).toEqual([]);
  await bench.run(['verify', `${place}:20260102`, '--key', bench.publicKey]);
});

// It is published nowhere any more, so this comes last.
test('a revoked image is told as one', async () => {
  await bench.publish('cap', `${host}/gone:1`);
  await bench.run(['revoke', `${host}/gone:1`, '--key', bench.key, '--reason', 'a test']);
  const { published: found } = await published(`${host}/gone`);
  expect(found).toMatchObject([{ problem: { code: 'IMAGE_REVOKED' } }]);
});
