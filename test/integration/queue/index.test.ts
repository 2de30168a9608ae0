/**
 * A release for several architectures: each is built and booted as a job of its own, the tag that they share names an
 * index of them, and moves once, when all are there.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { indexType, manifestType } from '../../../src/lib/oci/descriptor.ts';
import { tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import type { ReleaseStatus } from '../../../src/queue/status.ts';
import { FaultProxy, type Script, type Seen } from '../../helpers/registry/fault-proxy.ts';
import { buildTwo, recipeOfTwo, twoArches, writeOwn } from '../../helpers/two-arches.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { Workshop, type Line } from './queue-fixture.ts';

interface Released {
  releases: ReleaseStatus[];
}

let workshop: Workshop;
let proxy: FaultProxy;
beforeAll(async () => {
  workshop = await Workshop.open();
  proxy = await FaultProxy.start(workshop.bench.server.host);
});
afterAll(async () => {
  proxy.close();
  await workshop.close();
});

const placeOf = (name: string) => ({ state: workshop.bench.desk.path(`state-${name}`) });
const tagged = (repository: string, tag = '1') => workshop.bench.client().getManifest(repository, tag);
const isMove = (repository: string) => (seen: Seen) =>
  seen.method === 'PUT' && seen.url === `/v2/${repository}/manifests/1`;

test('the tag names the index, tags with {{arch}} name its images', async () => {
  const { desk, server, publicKey } = workshop.bench;
  const recipe = await recipeOfTwo(desk, 'twins');
  const place = placeOf('twins');
  const to = `${server.host}/q/{{name}}:1`;
  const args = workshop.releasing([recipe], to, '--to', `${to}-{{arch}}`);
  const { releases } = await workshop.json<Released>(args, place);
  const { report, stages } = releases[0]!;
  expect(stages.map(({ stage, arch }) => [stage, arch])).toEqual([
    ['lock', undefined],
    ['build', 'x86_64'],
    ['build', 'x86_64_v2'],
    ['sign', undefined],
    ['publish', undefined],
  ]);
  const built = await buildTwo(desk, recipe);
  const index = (await tagged('q/twins'))!;
  expect(index.mediaType).toBe(indexType);
  expect(report!.tags).toEqual([
    ...twoArches.map((arch) => ({
      reference: `${server.host}/q/twins:1-${arch}`,
      manifestDigest: built[arch].manifestDigest,
    })),
    { reference: `${server.host}/q/twins:1`, manifestDigest: index.digest },
  ]);
  for (const arch of twoArches)
    expect(await tagged('q/twins', `1-${arch}`)).toMatchObject({
      digest: built[arch].manifestDigest,
      mediaType: manifestType,
    });
  for (const { reference } of report!.tags) await workshop.json(['verify', reference, '--key', publicKey]);
  // What publish makes of the same images is the same index.
  for (const arch of twoArches) await workshop.bench.run(['boot', 'twins', '--arch', arch]);
  const published = await workshop.bench.publish('twins', `${server.host}/q/again:1`);
  expect(published.manifestDigest).toBe(index.digest);
  const { stdout } = await workshop.ends(args, place);
  expect(stdout.trim().split('\n')).toContain(`${server.host}/q/twins:1 ${index.digest}`);
});

test('a tag that would name an image and the index is refused', async () => {
  const { desk, server } = workshop.bench;
  const recipe = await recipeOfTwo(desk, 'twofold');
  const args = workshop.releasing(
    [recipe],
    `${server.host}/q/x:1-x86_64`,
    '--to',
    `${server.host}/q/x:1-{{arch}}`,
  );
  const { code, stdout } = await workshop.ends([...args, '--json'], placeOf('twofold'));
  expect([code, (JSON.parse(stdout) as { error: { code: string } }).error.code]).toEqual([2, 'USAGE']);
});

/** Releases the first version; then what is to be released next. */
async function released(
  name: string,
): Promise<{ recipe: string; old: Digest; repository: string; to: string }> {
  const recipe = await recipeOfTwo(workshop.bench.desk, name);
  const to = `${proxy.host}/fails/${name}:1`;
  await workshop.json(workshop.releasing([recipe], to), placeOf(name));
  const repository = `fails/${name}`;
  return { recipe, to, repository, old: (await tagged(repository))!.digest };
}

/** Another lock, whose image of the second architecture is this. */
async function change(name: string, recipe: string, second: Parameters<typeof writeOwn>[3]): Promise<void> {
  const { desk } = workshop.bench;
  const place = desk.path(`two-${name}`);
  await writeOwn(place, `${name} again`, 'x86_64', {});
  await writeOwn(place, `${name} again`, 'x86_64_v2', second);
  await desk.json(['lock', recipe]);
}

interface Failure {
  /** The package of the second architecture. */
  second?: Parameters<typeof writeOwn>[3];
  /** What the registry does, by the digests of the two images. */
  script?: (first: string, second: string) => Script;
}

async function failsAndIsMended(name: string, { second, script }: Failure): Promise<void> {
  const { recipe, old, repository, to } = await released(name);
  await change(name, recipe, second ?? { script: 'exit 0 # changed\n' });
  if (script) {
    const built = await buildTwo(workshop.bench.desk, recipe);
    proxy.script = script(built.x86_64.manifestDigest, built.x86_64_v2.manifestDigest);
  }
  const before = proxy.seen.length;
  const moves = () => proxy.seen.slice(before).filter(isMove(repository));
  const { code } = await workshop.ends(workshop.releasing([recipe], to), placeOf(name));
  proxy.script = () => undefined;
  expect(code).toBe(18);
  expect(moves()).toEqual([]);
  expect((await tagged(repository))!.digest).toBe(old);
  if (second) await change(name, recipe, { script: 'exit 0 # mended\n' });
  await workshop.json(workshop.releasing([recipe], to), placeOf(name));
  expect(moves()).toHaveLength(1);
  expect((await tagged(repository))!.digest).not.toBe(old);
  await workshop.json(['verify', to, '--key', workshop.bench.publicKey], placeOf(name));
}

const refusedAt = (tag: string): Script => {
  return ({ method, url }) =>
    method === 'PUT' && url.endsWith(`/manifests/${tag}`) ? { answer: 403 } : undefined;
};
const scriptlets = [{ kind: 'pre' as const, language: 'sh' as const, body: 'exit 1' }];
const failures: [name: string, failure: Failure][] = [
  ['build', { second: { scriptlets } }],
  ['boot', { second: { script: 'exit 1\n' } }],
  ['push', { script: (_first, second) => refusedAt(second) }],
  ['sign', { script: (_first, second) => refusedAt(`${tagOf(second as Digest)}.sig`) }],
];

test.each(shareOfDay(failures, 2))('one architecture fails: %s', failsAndIsMended);

/** How the log of a worker shows that it is between two architectures. */
const marks: Record<string, (line: Line) => boolean> = {
  build: ({ job, message }) => job?.endsWith('.build.x86_64_v2') === true && message.startsWith('installing'),
  boot: ({ job, message }) => job?.endsWith('.build.x86_64_v2') === true && message.startsWith('booting'),
  sign: ({ message }) => message.includes(' for x86_64_v2: sha256:'),
  index: ({ message }) => message.startsWith('signing the index'),
  publish: ({ job, message }) => job?.endsWith('.publish') === true && message.startsWith('begins'),
};

/** One of them a day: each waits until a lock has ended. */
const all = Object.keys(marks);
const lost = shareOfDay(all, all.length);

test.concurrent.each(lost)('the worker is lost in %s: the next one moves the tag once', async (mark) => {
  const name = `lost-${mark}`;
  const { recipe, old, repository, to } = await released(name);
  await change(name, recipe, {});
  const before = proxy.seen.length;
  await workshop.queue([recipe], to, placeOf(name));
  const worker = workshop.worker(['--jobs', '1'], placeOf(name));
  await worker.says(marks[mark]!);
  worker.kill('SIGKILL');
  await worker.ended;
  expect((await tagged(repository))!.digest).toBe(old);
  const next = workshop.worker(['--once'], placeOf(name));
  expect((await next.ended).exitCode).toBe(0);
  expect(proxy.seen.slice(before).filter(isMove(repository))).toHaveLength(1);
  expect((await tagged(repository))!.digest).not.toBe(old);
  await workshop.json(['verify', to, '--key', workshop.bench.publicKey], placeOf(name));
});
