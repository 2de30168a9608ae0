/**
 * Twenty recipes in a graph three deep, for two architectures that this host runs: an update of one library makes exactly
 * the images anew that carry it, held against `rpm -qa` of every image, each tag names an index, and parents come first.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { readImageIndex } from '../../../src/lib/oci/image-index.ts';
import type { ReleaseStatus } from '../../../src/queue/status.ts';
import { soak } from '../../helpers/soak.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { imageOf, NightScene, outcomes } from './night-scene.ts';

useOneProcess();

const libraries = ['lib-a', 'lib-b', 'lib-c', 'lib-d', 'lib-e'];
const libraryOf = (index: number) => libraries[index % libraries.length]!;
const names: string[] = [];
const bases = new Map<string, string>();
const own = new Map<string, string>();
/** Four bases, eight on them, eight on those; on a day fewer. */
const levels = soak ? [4, 8, 8] : [2, 2, 1];
for (const [level, count] of levels.entries()) {
  for (let index = 0; index < count; index++) {
    const name = `r${level}-${index}`;
    names.push(name);
    own.set(name, libraryOf(index + level * 2));
    if (level === 1) bases.set(name, `r0-${index % levels[0]!}`);
    if (level === 2) bases.set(name, `r1-${index}`);
  }
}

let scene: NightScene;
beforeAll(async () => {
  scene = await NightScene.open(['i686', 'x86_64']);
  await scene.offer(libraries.map((name) => ({ name, version: 1 })));
  for (const name of names) {
    const from = bases.get(name);
    await scene.recipe(name, [own.get(name)!], from === undefined ? {} : { from });
  }
  await scene.set({ recipes: names });
  await scene.night();
});
afterAll(() => scene.close());

/** What rpm says each published image has, by recipe: asked of the database in its layers, for every architecture. */
async function carriers(library: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const all = await Promise.all(scene.arches.map((arch) => installed(name, arch)));
    const has = all.map((packages) => packages.some((one) => one.startsWith(`${library}-`)));
    expect(new Set(has).size).toBe(1);
    if (has[0] === true) found.push(name);
  }
  return found;
}

async function installed(recipe: string, arch: string): Promise<string[]> {
  const place = await mkdtemp(join(tmpdir(), 'milliner-rpm-'));
  try {
    const { manifestDigest } = await scene.bench.run<{ manifestDigest: string }>([
      'inspect',
      recipe,
      '--arch',
      arch,
    ]);
    const layout = join(place, 'image');
    const source = `docker://${scene.bench.server.host}/${recipe}@${manifestDigest}`;
    await run('skopeo', ['copy', '--quiet', '--src-tls-verify=false', source, `dir:${layout}`]);
    const manifest = await scene.bench.client().getManifest(recipe, manifestDigest);
    const { layers } = JSON.parse(manifest!.bytes.toString()) as { layers: { digest: string }[] };
    for (const { digest } of layers) {
      const blob = join(layout, digest.replace('sha256:', ''));
      await run('tar', ['--zstd', '-xf', blob, '-C', place, '--wildcards', 'usr/lib/sysimage/rpm/*'], {
        allow: [0, 2],
      });
    }
    const database = join(place, 'usr/lib/sysimage/rpm');
    const { stdout } = await run('rpm', ['--dbpath', database, '-qa', '--qf', '%{NEVRA}\n']);
    return stdout.trim().split('\n');
  } finally {
    await rm(place, { recursive: true });
  }
}

test('exactly the images that carry a library are made anew, parents first, one index each', async () => {
  const expected = await carriers('lib-b');
  expect(expected.length).toBeGreaterThan(1);
  expect(expected.length).toBeLessThan(names.length);
  const before = await scene.tags(names);
  await scene.offer(
    [{ name: 'lib-b', version: 2 }],
    [{ id: 'A-1', severity: 'Critical', cve: 'CVE-2026-1234', packages: ['lib-b-2'] }],
  );
  const night = await scene.night();
  const published = names.filter((name) => outcomes(night)[name] === 'published');
  expect(published).toEqual(expected);
  expect(names.filter((name) => outcomes(night)[name] === 'unchanged')).toHaveLength(
    names.length - expected.length,
  );
  const after = await scene.tags(names);
  expect(names.filter((name) => after[name] !== before[name])).toEqual(expected);
  const { releases } = await scene.bench.run<{ releases: ReleaseStatus[] }>([
    'queue',
    'status',
    '--finished',
    '200',
  ]);
  /** Of this night, which is the last. */
  const releaseOf = (recipe: string) => releases.findLast((one) => one.recipe === recipe)!;
  for (const name of expected) {
    const base = bases.get(name);
    if (base !== undefined && expected.includes(base))
      expect(releaseOf(name).stages[0]!.started! >= releaseOf(base).finished!).toBe(true);
    const image = imageOf(night, name);
    expect(image.digest).toBe(after[name]);
    expect(image.advisories).toMatchObject([{ id: 'A-1', severity: 'Critical', cves: ['CVE-2026-1234'] }]);
    expect(
      image.packages.map(({ name: one, arch, from, to }) => `${one}.${arch} ${from} ${to}`).toSorted(),
    ).toEqual(['lib-b.i686 1-1 2-1', 'lib-b.x86_64 1-1 2-1']);
    const index = await scene.bench.client().getManifest(name, '1');
    const platforms = readImageIndex(name, index!.bytes).map(({ platform }) => platform.architecture);
    expect(platforms.toSorted()).toEqual(['386', 'amd64']);
  }
  expect(await carriers('lib-b-2')).toEqual(expected);
});

test('each index verifies, and the next night does nothing', async () => {
  for (const name of names.slice(0, 3)) {
    const { images } = await scene.bench.run<{ images: unknown[] }>([
      'verify',
      `${scene.bench.server.host}/${name}:1`,
      '--key',
      scene.bench.publicKey,
    ]);
    expect(images).toHaveLength(2);
  }
  const before = await scene.tags(names);
  expect(new Set(Object.values(outcomes(await scene.night())))).toEqual(new Set(['unchanged']));
  expect(await scene.tags(names)).toEqual(before);
});
