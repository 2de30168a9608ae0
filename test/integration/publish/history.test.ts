/**
 * The history of a tag through the commands: publish, rollback, hold, unhold, promote. What must show: after a rollback
 * the same lock does not come back, another one moves the tag on, and `history` tells all of it. How long a rollback takes
 * is in test/bench/rollback.ts.
 */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import { historyTag } from '../../../src/stages/sign/history-page.ts';
import { readPublicKey } from '../../../src/stages/sign/public-key.ts';
import { readFile } from 'node:fs/promises';
import { useOneProcess } from '../../helpers/command-client.ts';
import type { BuildAnswer } from '../../helpers/milliner.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';

useOneProcess();

let bench: Bench;
let host: string;
let hat: BuildAnswer;
let cap: BuildAnswer;
let third: BuildAnswer;

beforeAll(async () => {
  bench = await Bench.open();
  host = bench.server.host;
  hat = await bench.booted('hat', ['tiny-base']);
  cap = await bench.booted('cap', ['tiny-base', 'tiny-app']);
  third = await bench.booted('third', ['tiny-base', 'tiny-app', 'tiny-extra']);
});
afterAll(() => bench.close());

interface Move {
  number: number;
  from?: string;
  to: string;
  lock?: string;
  reason: string;
  note?: string;
  previous?: string;
  digest: string;
}
interface Report {
  reference: string;
  manifestDigest?: string;
  moves: Move[];
  hold?: { reason: string; until?: number };
  rejected?: { images: string[]; locks: string[] };
}

const history = (reference: string, ...flags: string[]) =>
  bench.run<Report>(['log', reference, '--key', bench.publicKey, ...flags]);
const signing = (command: string, reference: string, ...flags: string[]) => [
  command,
  reference,
  '--key',
  bench.key,
  ...flags,
];
const verify = (reference: string) =>
  bench.run<{ manifestDigest: string }>(['verify', reference, '--key', bench.publicKey]);
const held = { code: 'TAG_HELD', exit: 12 };
const current = (repository: string, tag = '1') => bench.client().headManifest(repository, tag);
const told = ({ moves }: Report) => moves.map(({ number, reason, to }) => [number, reason, to]);

test('rolled back, held against the same lock, moved on by another', async () => {
  const reference = `${host}/night:1`;
  await bench.publish('hat', reference);
  await bench.publish('cap', reference);
  await verify(reference);
  const rolled = await bench.run(signing('rollback', reference, '--reason', 'does not start'));
  expect(rolled).toMatchObject({ reference, from: cap.manifestDigest, to: hat.manifestDigest });
  expect(await current('night')).toBe(hat.manifestDigest);
  // This host has seen the newer image, and takes the older one: the move has a statement of its own.
  expect((await verify(reference)).manifestDigest).toBe(hat.manifestDigest);
  // The next night.
  expect(await bench.fails(bench.publishing('cap', reference))).toEqual(held);
  expect(await current('night')).toBe(hat.manifestDigest);
  // The image that the tag has may be published again.
  await bench.publish('hat', reference);
  await bench.publish('third', reference);
  expect(await current('night')).toBe(third.manifestDigest);
  const report = await history(reference);
  expect(report.manifestDigest).toBe(third.manifestDigest);
  expect(report.rejected).toBeUndefined();
  expect(told(report)).toEqual([
    [4, 'published', third.manifestDigest],
    [3, 'rolled-back', hat.manifestDigest],
    [2, 'published', cap.manifestDigest],
    [1, 'published', hat.manifestDigest],
  ]);
  const [fourth, back, second, first] = report.moves as [Move, Move, Move, Move];
  expect(back).toMatchObject({ from: cap.manifestDigest, note: 'does not start', previous: second.digest });
  expect(first).not.toHaveProperty('from');
  expect(first.lock).toMatch(/^sha256:/);
  expect(new Set([first.lock, second.lock, fourth.lock]).size).toBe(3);
});

test('publishing again writes no record', async () => {
  const reference = `${host}/again:1`;
  await bench.publish('hat', reference);
  const before = await history(reference);
  const again = await bench.publish('hat', reference);
  expect(again.uploadedBytes).toBe(0);
  expect((await history(reference)).moves).toEqual(before.moves);
});

test('a hold stops publish and promote until it is lifted', async () => {
  const reference = `${host}/held:1`;
  await bench.publish('hat', reference);
  const hold = signing('hold', reference, '--reason', 'freeze', '--until', '2999-01-01');
  expect(await bench.run(hold)).toMatchObject({ reference, number: 2, changed: true });
  expect(await bench.run(hold)).toMatchObject({ number: 2, changed: false });
  expect(await bench.fails(bench.publishing('cap', reference))).toEqual(held);
  await bench.publish('cap', `${host}/free:1`);
  expect(await bench.fails(['promote', `${host}/free:1`, reference, '--key', bench.key])).toEqual(held);
  expect(await current('held')).toBe(hat.manifestDigest);
  expect((await history(reference)).hold).toEqual({
    reason: 'freeze',
    until: Date.parse('2999-01-01') / 1000,
  });
  expect(await bench.run(signing('unhold', reference))).toMatchObject({ number: 3, changed: true });
  expect(await bench.run(signing('unhold', reference))).toMatchObject({ number: 3, changed: false });
  await bench.publish('cap', reference);
  expect(told(await history(reference)).map(([, reason]) => reason)).toEqual([
    'published',
    'released',
    'held',
    'published',
  ]);
});

test('unhold accepts what a rollback has rejected', async () => {
  const reference = `${host}/back:1`;
  for (const image of ['hat', 'cap']) await bench.publish(image, reference);
  await bench.run(signing('rollback', reference));
  await bench.run(signing('unhold', reference, '--reason', 'it was the network'));
  await bench.publish('cap', reference);
  expect(await current('back')).toBe(cap.manifestDigest);
});

test('rolled back twice, further back, and forward by its digest', async () => {
  const reference = `${host}/twice:1`;
  for (const image of ['hat', 'cap', 'third']) await bench.publish(image, reference);
  for (const wanted of [cap, hat]) {
    await bench.run(signing('rollback', reference));
    expect(await current('twice')).toBe(wanted.manifestDigest);
  }
  expect(await bench.fails(signing('rollback', reference))).toEqual({ code: 'HISTORY_MISSING', exit: 12 });
  await bench.run(signing('rollback', reference, '--to', third.manifestDigest));
  expect(await current('twice')).toBe(third.manifestDigest);
  expect((await history(reference)).rejected?.images.toSorted()).toEqual(
    [hat.manifestDigest, cap.manifestDigest].toSorted(),
  );
  const unknown = `sha256:${'0'.repeat(64)}`;
  expect(await bench.fails(signing('rollback', reference, '--to', unknown))).toEqual({
    code: 'HISTORY_MISSING',
    exit: 12,
  });
});

test('what cannot be rolled back to: a deleted image, a revoked one', async () => {
  const reference = `${host}/gone:1`;
  for (const image of ['hat', 'cap']) await bench.publish(image, reference);
  const url = `${bench.server.url}/v2/gone/manifests/${hat.manifestDigest}`;
  const deleted = await fetch(url, { method: 'DELETE' });
  // The history outlives the image.
  expect(deleted.status).toBe(202);
  expect(told(await history(reference))).toHaveLength(2);
  expect(await bench.fails(signing('rollback', reference))).toEqual({ code: 'IMAGE_UNPUBLISHED', exit: 3 });
  const other = `${host}/revoked:1`;
  for (const image of ['third', 'cap']) await bench.publish(image, other);
  const of = `${host}/revoked@${third.manifestDigest}`;
  await bench.run(['revoke', of, '--key', bench.key, '--reason', 'a hole']);
  expect(await bench.fails(signing('rollback', other))).toEqual({ code: 'IMAGE_REVOKED', exit: 14 });
  expect(await current('revoked')).toBe(cap.manifestDigest);
});

test('another key has no history here, and cannot roll back', async () => {
  const reference = `${host}/theirs:1`;
  for (const image of ['hat', 'cap']) await bench.publish(image, reference);
  await bench.makeKey('other');
  const missing = { code: 'HISTORY_MISSING', exit: 12 };
  const key = bench.desk.path('other');
  expect(await bench.fails(['log', reference, '--key', `${key}.pub`])).toEqual(missing);
  expect(await bench.fails(['rollback', reference, '--key', `${key}.key`])).toEqual(missing);
});

test('an older history in the place of the newest is refused by who has seen the newest', async () => {
  const reference = `${host}/older:1`;
  await bench.publish('hat', reference);
  const key = readPublicKey(await readFile(bench.publicKey, 'utf8'));
  const name = historyTag('1', key);
  const before = (await bench.client().getManifest('older', name))!;
  await bench.run(signing('hold', reference, '--reason', 'freeze'));
  await bench.client().putManifest('older', name, before.bytes, before.mediaType);
  const altered = { code: 'HISTORY_ALTERED', exit: 15 };
  expect(await bench.fails(['log', reference, '--key', bench.publicKey])).toEqual(altered);
  expect(await bench.fails(bench.publishing('cap', reference))).toEqual(altered);
  expect(await current('older')).toBe(hat.manifestDigest);
  // A host that has seen nothing cannot tell.
  await rm(`${bench.desk.state}/statements/history`, { recursive: true });
  expect(told(await history(reference))).toHaveLength(1);
});

test('promoted to another tag, repository and registry: verified there, nothing rebuilt', async () => {
  const from = `${host}/testing:1`;
  const published = await bench.publish('cap', from);
  const other = await RegistryServer.start();
  try {
    for (const to of [`${host}/testing:stable`, `${host}/stable:1`, `${other.host}/stable:1`]) {
      const promoted = await bench.run<{ manifestDigest: string; reference: string; uploadedBytes: number }>([
        'promote',
        from,
        to,
        '--key',
        bench.key,
      ]);
      expect(promoted).toMatchObject({ reference: to, manifestDigest: published.manifestDigest });
      expect((await verify(to)).manifestDigest).toBe(cap.manifestDigest);
      const report = await history(to);
      expect(report.moves).toMatchObject([
        { number: 1, reason: 'promoted', to: cap.manifestDigest, note: `from ${from}` },
      ]);
      expect(report.moves[0]!.lock).toMatch(/^sha256:/);
    }
    // All signatures of the source are there, byte for byte.
    for (const kind of ['sig', 'att']) {
      const tag = `${tagOf(cap.manifestDigest as Digest)}.${kind}`;
      const source = await bench.client().getManifest('testing', tag);
      const copy = await bench.client(other.host).getManifest('stable', tag);
      const layersOf = (bytes: Buffer | undefined) =>
        (JSON.parse(String(bytes)) as { layers: { digest: string }[] }).layers.map(({ digest }) => digest);
      expect(layersOf(copy?.bytes)).toEqual(expect.arrayContaining(layersOf(source?.bytes)));
    }
  } finally {
    await other.close();
  }
});

test('what is not verified is not promoted', async () => {
  const from = `${host}/unsigned:1`;
  await bench.publish('hat', from);
  await bench.makeKey('third-party');
  const promoting = ['promote', from, `${host}/taken:1`, '--key', bench.desk.path('third-party.key')];
  expect((await bench.fails(promoting)).exit).toBe(14);
  const stray = { code: 'SIGNED_ELSEWHERE', exit: 19 };
  const { bytes, mediaType } = (await bench.client().getManifest('unsigned', '1'))!;
  await bench.client().putManifest('unsigned', 'stray', bytes, mediaType);
  expect(
    await bench.fails(['promote', `${host}/unsigned:stray`, `${host}/taken:1`, '--key', bench.key]),
  ).toEqual(stray);
  expect(await bench.tags('taken')).toEqual([]);
});
