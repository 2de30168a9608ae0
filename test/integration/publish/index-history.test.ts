/**
 * The history of a tag that names an index: rollback, hold and promotion move it as they move a tag of one image, and
 * the index with all of its images verifies afterwards, by `verify` and by clients of others.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hexOf, type Digest } from '../../../src/lib/oci/digest.ts';
import { readManifest } from '../../../src/stages/sign/artifact.ts';
import { historyTag } from '../../../src/stages/sign/history-page.ts';
import { readPublicKey } from '../../../src/stages/sign/public-key.ts';
import { clientsTake } from '../../helpers/clients-take.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';
import { buildTwo, recipeOfTwo, twoArches } from '../../helpers/two-arches.ts';

useOneProcess();

const names = ['old', 'young', 'third'] as const;
type Name = (typeof names)[number];

let bench: Bench;
let host: string;
/** The images of each index, by the recipe. */
const images = {} as Record<Name, Digest[]>;
const indexes = {} as Record<Name, Digest>;

beforeAll(async () => {
  bench = await Bench.open();
  host = bench.server.host;
  for (const name of names) {
    const built = await buildTwo(bench.desk, await recipeOfTwo(bench.desk, name));
    for (const arch of twoArches) await bench.run(['boot', name, '--arch', arch]);
    images[name] = twoArches.map((arch) => built[arch].manifestDigest as Digest);
    indexes[name] = (await bench.publish(name, `${host}/first/${name}:1`)).manifestDigest as Digest;
  }
});
afterAll(() => bench.close());

interface Report {
  manifestDigest: string;
  moves: { number: number; reason: string; to: string; lock?: string; note?: string }[];
}

const tagged = (repository: string, tag = '1', at = host) => bench.client(at).headManifest(repository, tag);
const signing = (command: string, ...args: string[]) => [command, ...args, '--key', bench.key];
const history = (reference: string) => bench.run<Report>(['log', reference, '--key', bench.publicKey]);
const verified = async (reference: string, ...flags: string[]) => {
  const args = ['verify', reference, '--key', bench.publicKey, ...flags];
  const { manifestDigest, images: proved } = await bench.run<{
    manifestDigest: string;
    images: { manifestDigest: string }[];
  }>(args);
  return [manifestDigest, ...proved.map((image) => image.manifestDigest)];
};
const allTaken = (index: Digest) => ({ skopeo: index, skopeoOne: true, podman: true, cosign: true });
const held = { code: 'TAG_HELD', exit: 12 };
const altered = { code: 'HISTORY_ALTERED', exit: 15 };
const unpublished = { code: 'IMAGE_UNPUBLISHED', exit: 3 };

/** Publishes them to a tag of their own, one after the other. */
async function published(repository: string, ...order: Name[]): Promise<string> {
  const reference = `${host}/${repository}:1`;
  for (const name of order) await bench.publish(name, reference);
  return reference;
}

test('rolled back, held against the same lock, moved on by another', async () => {
  const reference = await published('back', 'old', 'young');
  const rolled = await bench.run(signing('rollback', reference, '--reason', 'a test'));
  expect(rolled).toMatchObject({ from: indexes.young, to: indexes.old });
  expect(await tagged('back')).toBe(indexes.old);
  expect(await verified(reference)).toEqual([indexes.old, ...images.old]);
  expect(await verified(reference, '--arch', 'x86_64_v2')).toEqual([indexes.old, images.old[1]]);
  expect(await clientsTake(bench, reference)).toEqual(allTaken(indexes.old));
  expect(await bench.fails(bench.publishing('young', reference))).toEqual(held);
  // An image of the same lock alone is held back, too.
  const alone = [...bench.publishing('young', reference), '--arch', 'x86_64'];
  expect(await bench.fails(alone)).toEqual(held);
  await bench.publish('third', reference);
  expect(await verified(reference)).toEqual([indexes.third, ...images.third]);
  const { moves } = await history(reference);
  expect(moves.map(({ reason, to }) => [reason, to])).toEqual([
    ['published', indexes.third],
    ['rolled-back', indexes.old],
    ['published', indexes.young],
    ['published', indexes.old],
  ]);
  expect(moves[1]!.lock).toBe(moves[3]!.lock);
  expect(new Set(moves.map(({ lock }) => lock)).size).toBe(3);
});

test('a hold stops publish and promote until it is lifted', async () => {
  const reference = await published('held', 'old');
  await bench.run(signing('hold', reference, '--reason', 'freeze'));
  expect(await bench.fails(bench.publishing('young', reference))).toEqual(held);
  expect(await bench.fails(signing('promote', `${host}/first/young:1`, reference))).toEqual(held);
  expect(await tagged('held')).toBe(indexes.old);
  expect(await verified(reference)).toEqual([indexes.old, ...images.old]);
  await bench.run(signing('unhold', reference));
  await bench.publish('young', reference);
  expect(await verified(reference)).toEqual([indexes.young, ...images.young]);
});

test('promoted to another tag, repository and registry, with all of its images', async () => {
  const from = `${host}/first/young:1`;
  const other = await RegistryServer.start();
  try {
    for (const to of [`${host}/first/young:stable`, `${host}/stable:1`, `${other.host}/stable:1`]) {
      const promoted = await bench.run(signing('promote', from, to));
      expect(promoted).toMatchObject({ reference: to, manifestDigest: indexes.young });
      expect(await verified(to)).toEqual([indexes.young, ...images.young]);
      expect(await verified(to, '--arch', 'x86_64', '--only', 'bundle')).toEqual([
        indexes.young,
        images.young[0],
      ]);
      expect(await clientsTake(bench, to)).toEqual(allTaken(indexes.young));
      const { moves } = await history(to);
      expect(moves).toMatchObject([{ reason: 'promoted', to: indexes.young, note: `from ${from}` }]);
    }
    // The copy has a history of its own: the next promotion, and back again.
    const copy = `${other.host}/stable:1`;
    await bench.run(signing('promote', `${host}/first/third:1`, copy));
    await bench.run(signing('rollback', copy));
    expect(await verified(copy)).toEqual([indexes.young, ...images.young]);
    const again = signing('promote', `${host}/first/third:1`, copy);
    expect(await bench.fails(again)).toEqual(held);
  } finally {
    await other.close();
  }
});

test('one image of an index can be promoted alone', async () => {
  const to = `${host}/alone:1`;
  const named = `${host}/first/young:1@${images.young[1]}`;
  await bench.run(signing('promote', named, to));
  expect(await tagged('alone')).toBe(images.young[1]);
  await bench.run(['verify', to, '--key', bench.publicKey, '--arch', 'x86_64_v2']);
});

/** Changes the blob of a record where the registry stores it. */
async function alterRecord(repository: string, number: number): Promise<void> {
  const key = readPublicKey(await readFile(bench.publicKey, 'utf8'));
  const page = await bench.client().getManifest(repository, historyTag('1', key));
  const hex = hexOf(readManifest(page!.bytes, 'the history').layers[number - 1]!.digest);
  const place = 'docker/registry/v2/blobs/sha256';
  const path = join(bench.server.storage, place, hex.slice(0, 2), hex, 'data');
  const bytes = await readFile(path, 'utf8');
  await writeFile(path, bytes.replace('payload', 'PAYLOAD'));
}

test('a record that was altered: nothing goes back by it, and the newest one stops every move', async () => {
  const reference = await published('altered', 'old', 'young');
  const commands = [
    ['log', reference, '--key', bench.publicKey],
    signing('rollback', reference),
    signing('rollback', reference, '--to', indexes.old),
  ];
  await alterRecord('altered', 1);
  for (const command of commands) expect(await bench.fails(command)).toEqual(altered);
  await alterRecord('altered', 2);
  const moves = [
    bench.publishing('third', reference),
    signing('promote', `${host}/first/third:1`, reference),
    signing('hold', reference, '--reason', 'freeze'),
    signing('unhold', reference),
  ];
  for (const command of [...commands, ...moves]) expect(await bench.fails(command)).toEqual(altered);
  expect(await tagged('altered')).toBe(indexes.young);
  // The image itself is as good as before.
  expect(await verified(reference)).toEqual([indexes.young, ...images.young]);
});

test('an index whose image has vanished is neither gone back to nor promoted, until it is published again', async () => {
  const reference = await published('lost', 'old', 'young');
  const to = `${host}/found:1`;
  const url = `${bench.server.url}/v2/lost/manifests/${images.old[1]}`;
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(202);
  expect(await bench.fails(signing('rollback', reference))).toEqual(unpublished);
  expect(await tagged('lost')).toBe(indexes.young);
  expect((await history(reference)).moves).toHaveLength(2);
  const lost = `${host}/lost:1@${indexes.old}`;
  expect(await bench.fails(signing('promote', lost, to))).toEqual(unpublished);
  expect(await tagged('found')).toBe(undefined);
  await bench.publish('old', `${host}/lost:again`);
  await bench.run(signing('rollback', reference));
  expect(await verified(reference)).toEqual([indexes.old, ...images.old]);
});
