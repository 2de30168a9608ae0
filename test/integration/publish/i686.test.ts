/** i686 and x86_64 on one host: each is built and booted natively, and one tag names both. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import { hostArches } from '../../../src/lib/host/arch.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Bench, runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { podman } from '../../helpers/trixie.ts';

useOneProcess();

const words = { x86_64: '64', i686: '32' } as const;
const architectures = { x86_64: 'amd64', i686: '386' } as const;
const arches = Object.keys(words) as (keyof typeof words)[];
const epoch = 1_704_067_200;
let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
  const place = bench.desk.path('small');
  const spec = join(import.meta.dirname, 'small.spec');
  for (const arch of arches) {
    const build = { spec, sources: import.meta.dirname, epoch, target: arch, defines: { word: words[arch] } };
    await withWorkPlace(() => rpmbuild(build, place));
  }
  const recipe = await bench.desk.recipe('small', {
    arches,
    repos: [{ name: 'small', baseurl: place, gpgcheck: false }],
    packages: ['small'],
    ...runsToItsEnd,
  });
  for (const arch of arches) await bench.desk.build(recipe, '--arch', arch);
});
afterAll(() => bench.close());

test('this host runs both, and doctor says so', async () => {
  expect(hostArches()).toEqual(expect.arrayContaining(arches));
  const { findings } = await bench.run<{ findings: { what: string; found: string }[] }>(['doctor']);
  const { found } = findings.find(({ what }) => what === 'processor (architectures)')!;
  expect(found.split(', ')).toEqual(expect.arrayContaining(arches));
  const others = findings.find(({ what }) => what.startsWith('programs of other architectures'));
  expect(others).toMatchObject({ ok: true });
});

test('each has its own package, and its own program', async () => {
  for (const arch of arches) {
    const record = await bench.run<{ arch: string; packages: string[] }>([
      'inspect',
      'small',
      '--arch',
      arch,
    ]);
    expect(record).toMatchObject({ arch, packages: [`small-1-1.${arch}`] });
  }
});

test('each is booted, and podman picks the one that it is asked for', async () => {
  const reference = `${bench.server.host}/small:1`;
  await bench.run(['boot', 'small']);
  expect(await bench.fails(bench.publishing('small', reference))).toEqual({
    code: 'IMAGE_UNBOOTED',
    exit: 16,
  });
  const verdict = await bench.run<{ passed: boolean; host: object }>(['boot', 'small', '--arch', 'i686']);
  expect(verdict).toMatchObject({ passed: true, host: { architecture: 'i686' } });
  const { manifestDigest } = await bench.publish('small', reference);
  const verified = await bench.run<{ manifestDigest: string; images: { platform: string }[] }>([
    'verify',
    reference,
    '--key',
    bench.publicKey,
  ]);
  expect(verified.manifestDigest).toBe(manifestDigest);
  expect(verified.images.map(({ platform }) => platform)).toEqual(['linux/386', 'linux/amd64']);
  const home = bench.desk.path('home/.config/containers');
  await bench.run(['policy', '--key', bench.publicKey, '--to', `${bench.server.host}/small`, '--out', home]);
  for (const arch of arches) {
    const place = bench.desk.path(`storage-${arch}`);
    const storage = [
      '--root',
      join(place, 'root'),
      '--runroot',
      join(place, 'run'),
      '--storage-driver',
      'vfs',
    ];
    const env = { HOME: bench.desk.path('home') };
    const pull = ['pull', '--quiet', '--tls-verify=false', '--arch', architectures[arch], reference];
    const { stdout: id } = await podman([...storage, ...pull], { env });
    const format = ['inspect', '--format', '{{.Architecture}}', id.trim()];
    expect((await podman([...storage, 'image', ...format], { env })).stdout.trim()).toBe(architectures[arch]);
    const mounted = (await podman([...storage, 'image', 'mount', id.trim()], { env })).stdout.trim();
    const header = (await readFile(join(mounted, 'usr/bin/true'))).subarray(4, 5);
    expect([...header]).toEqual([arch === 'i686' ? 1 : 2]);
    await podman([...storage, 'image', 'umount', id.trim()], { env });
    // Its storage has mounts' leftovers that only rm takes as they are.
    await run('rm', ['-rf', place]);
  }
});
