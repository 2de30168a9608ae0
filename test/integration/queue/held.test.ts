/** A tag that is held while its release is on the way: the release fails, no tag of it moves, and it can be retried. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import type { ReleaseStatus } from '../../../src/queue/status.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { FaultProxy, type Seen } from '../../helpers/registry/fault-proxy.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { recipeOfTwo, twoArches, writeOwn } from '../../helpers/two-arches.ts';
import { Workshop } from './queue-fixture.ts';

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
const headOf = (name: string, tag = '1') => workshop.bench.client().headManifest(`held/${name}`, tag);
const signing = (command: string, ...args: string[]) => [command, ...args, '--key', workshop.bench.key];
const isPut = ({ method, url }: Seen) => method === 'PUT' && url.includes('/manifests/');

/** Carries the release on; `intervene` runs once, when its images are signed and before a tag moves. */
async function workThrough(name: string, intervene: () => Promise<unknown>): Promise<void> {
  const worker = workshop.worker(['--once'], placeOf(name));
  let isDone = false;
  proxy.script = async () => {
    const begins = worker.lines.some(
      ({ job, message }) => job?.endsWith('.publish') === true && message.startsWith('begins'),
    );
    if (!begins || isDone) return undefined;
    isDone = true;
    await intervene();
    return undefined;
  };
  try {
    await worker.ended;
  } finally {
    proxy.script = () => undefined;
  }
  expect(isDone).toBe(true);
}

async function failure(name: string, release: string) {
  const { stages, error } = await workshop.json<ReleaseStatus>(['queue', 'status', release], placeOf(name));
  return { code: error?.code, last: stages.at(-1) };
}

async function reasons(reference: string): Promise<string[]> {
  const { publicKey } = workshop.bench;
  const report = await workshop.json<{ moves: { reason: string }[]; manifestDigest: Digest }>([
    'log',
    reference,
    '--key',
    publicKey,
  ]);
  return report.moves.map(({ reason }) => reason);
}

async function heldAfterSigning(): Promise<void> {
  const { desk, publicKey } = workshop.bench;
  const recipe = await recipeOfTwo(desk, 'twins');
  const to = `${proxy.host}/held/twins:1`;
  const flags = ['--to', `${to}-{{arch}}`];
  await workshop.json(workshop.releasing([recipe], to, ...flags), placeOf('twins'));
  const tags = ['1', ...twoArches.map((arch) => `1-${arch}`)];
  const heads = () => Promise.all(tags.map((tag) => headOf('twins', tag)));
  const before = await heads();
  for (const arch of twoArches) await writeOwn(desk.path('two-twins'), 'changed', arch, {});
  await desk.json(['lock', recipe]);
  const [release] = await workshop.queue([recipe], to, placeOf('twins'), ...flags);
  const hold = signing('hold', to, '--reason', 'freeze');
  await workThrough('twins', () => workshop.json(hold));
  const failed = await failure('twins', release!);
  expect(failed).toMatchObject({
    code: 'TAG_HELD',
    last: { stage: 'publish', state: 'failed', attempts: 1 },
  });
  expect(await heads()).toEqual(before);
  // Still held: it fails before anything is pushed.
  const seen = proxy.seen.length;
  await workshop.json(['queue', 'retry', release!], placeOf('twins'));
  await workshop.worker(['--once'], placeOf('twins')).ended;
  expect(await failure('twins', release!)).toMatchObject({ code: 'TAG_HELD', last: { stage: 'sign' } });
  expect(proxy.seen.slice(seen).filter(isPut)).toEqual([]);
  await workshop.json(signing('unhold', to));
  await workshop.json(['queue', 'retry', release!], placeOf('twins'));
  await workshop.worker(['--once'], placeOf('twins')).ended;
  const after = await heads();
  for (const [index, digest] of after.entries()) expect(digest).not.toBe(before[index]);
  await workshop.json(['verify', to, '--key', publicKey]);
  expect(await reasons(to)).toEqual(['published', 'released', 'held', 'published', 'published']);
}

async function rolledBackAfterSigning(): Promise<void> {
  const { desk } = workshop.bench;
  const to = `${proxy.host}/held/hat:1`;
  const old = await desk.tiny('hat', ['tiny-base'], runsToItsEnd);
  const recipe = await desk.tiny('hat-again', ['tiny-base', 'tiny-app'], runsToItsEnd);
  for (const one of [old, recipe]) await workshop.json(workshop.releasing([one], to), placeOf('hat'));
  const young = await headOf('hat');
  const [release] = await workshop.queue([recipe], to, placeOf('hat'));
  await workThrough('hat', () => workshop.json(signing('rollback', to)));
  expect(await failure('hat', release!)).toMatchObject({ code: 'TAG_HELD', last: { attempts: 1 } });
  expect(await headOf('hat')).not.toBe(young);
  expect(await reasons(to)).toEqual(['rolled-back', 'published', 'published']);
}

async function promotedAfterSigning(): Promise<void> {
  const { desk } = workshop.bench;
  const to = `${proxy.host}/held/bow:1`;
  const other = `${proxy.host}/held/bow:other`;
  const recipes = [
    await desk.tiny('bow', ['tiny-base'], runsToItsEnd),
    await desk.tiny('bow-again', ['tiny-base', 'tiny-app'], runsToItsEnd),
  ];
  await workshop.json(workshop.releasing([recipes[0]!], other), placeOf('bow'));
  const [release] = await workshop.queue([recipes[1]!], to, placeOf('bow'));
  await workThrough('bow', () => workshop.json(signing('promote', other, to)));
  expect(await failure('bow', release!)).toMatchObject({ code: 'RELEASE_SUPERSEDED' });
  expect(await headOf('bow')).toBe(await headOf('bow', 'other'));
}

async function heldBefore(): Promise<void> {
  const { desk } = workshop.bench;
  const to = `${proxy.host}/held/cap:1`;
  const recipe = await desk.tiny('cap', ['tiny-base'], runsToItsEnd);
  await workshop.json(workshop.releasing([recipe], to), placeOf('cap'));
  await workshop.json(signing('hold', to, '--reason', 'freeze'));
  await workshop.json(workshop.releasing([recipe], to), placeOf('cap'));
  const changed = await desk.tiny('cap-again', ['tiny-base', 'tiny-app'], runsToItsEnd);
  const seen = proxy.seen.length;
  const { code, stdout } = await workshop.ends(
    [...workshop.releasing([changed], to), '--json'],
    placeOf('cap'),
  );
  const { error } = JSON.parse(stdout) as { error: { details: { releases: ReleaseStatus[] } } };
  expect([code, error.details.releases[0]!.error!.code]).toEqual([18, 'TAG_HELD']);
  expect(proxy.seen.slice(seen).filter(isPut)).toEqual([]);
}

/** Each takes as long as some releases do: a day has two of them. */
const cases: [string, () => Promise<void>][] = [
  [
    'held after its index was signed: no tag of the release moves, and retry records the move anew',
    heldAfterSigning,
  ],
  [
    'rolled back from the same lock after it was signed: the release does not bring it back',
    rolledBackAfterSigning,
  ],
  [
    'another image was promoted to the tag after it was signed: the release does not replace it',
    promotedAfterSigning,
  ],
  ['held before the release: it fails when it signs', heldBefore],
];
test.each(shareOfDay(cases, 2))('%s', (_name, holds) => holds());
