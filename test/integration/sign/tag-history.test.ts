/**
 * The history of a tag in a registry that others can write to: each change of it is found, by the number of the record.
 * Publishers append to it at the same time, and it grows over several pages.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { indexType, manifestType, type Descriptor } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of, type Digest } from '../../../src/lib/oci/digest.ts';
import type { RegistryClient } from '../../../src/lib/registry/client.ts';
import { appendMove, confirmMove, type NewMove } from '../../../src/pipeline/publish/append-move.ts';
import { rollback } from '../../../src/pipeline/publish/rollback-tag.ts';
import { newestPage, readHistory, type TagPlace } from '../../../src/pipeline/trust/tag-history.ts';
import { makeArtifact, readManifest } from '../../../src/stages/sign/artifact.ts';
import { attachedLayer } from '../../../src/stages/sign/attestation.ts';
import { historyTag, pageOf, pageRecords } from '../../../src/stages/sign/history-page.ts';
import { generateKeyPair, readPrivateKey, type SigningKey } from '../../../src/stages/sign/key.ts';
import { attestMove, type RecordedMove, type TagMove } from '../../../src/stages/sign/tag-move.ts';
import { password, Shelf } from '../../helpers/signed-images.ts';

let shelf: Shelf;
let stranger: SigningKey;
/** The manifest that the tags point to. */
let current: Digest;
/** A tag of its own for each test. */
let place: TagPlace;
let count = 0;

beforeAll(async () => {
  shelf = await Shelf.open();
  stranger = await readPrivateKey((await generateKeyPair('x')).privatePem, 'x');
  current = (await shelf.image('app', ['app'])).descriptor.digest;
});
beforeEach(() => {
  const tag = `t${++count}`;
  place = { client: shelf.client, repository: shelf.repository, tag, reference: shelf.reference(tag) };
});
afterAll(() => shelf.close());

const digestOf = (name: string): Digest => sha256Of(Buffer.from(name));
const newState = () => mkdtemp(shelf.path('state-'));
const reading = (state?: string) => ({ key: shelf.key.public, state, warn: () => undefined });
const published = (name: string): NewMove => ({ to: digestOf(name), reason: 'published' });

async function append(name: string, state?: string, at = place): Promise<RecordedMove> {
  const options = { state: state ?? (await newState()), warn: () => undefined };
  return (await appendMove(at, shelf.key, options, () => published(name)))!;
}

/** Five records. */
async function five(): Promise<RecordedMove[]> {
  const state = await newState();
  const moves: RecordedMove[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) moves.push(await append(name, state));
  return moves;
}

const name = (at = place) => historyTag(at.tag, shelf.key.public);

async function layersThere() {
  return readManifest((await shelf.client.getManifest(shelf.repository, name()))!.bytes, 'page').layers;
}

/** As whoever may push does it. */
async function putLayers(layers: readonly Descriptor[], at = place): Promise<void> {
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };
  const page = makeArtifact({ config, layers: layers.map((descriptor) => ({ descriptor })) });
  await shelf.push(name(at), page);
}

/** The number of the record that is refused; `history` for the whole. */
async function refused(state?: string, at = place): Promise<unknown> {
  try {
    await readHistory(at, reading(state));
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'HISTORY_ALTERED')
      return error.details['number'] ?? 'history';
    throw error;
  }
  return undefined;
}

test('what was appended is read, each continued by the next', async () => {
  const moves = await five();
  expect(await readHistory(place, reading())).toEqual(moves);
  expect(moves.map(({ number, previous }) => [number, previous])).toEqual(
    moves.map((_, index) => [index + 1, moves[index - 1]?.digest]),
  );
  expect((await newestPage(place, reading()))?.latest).toEqual(moves[4]);
});

test('no history is none', async () => {
  expect(await readHistory(place, reading())).toEqual([]);
  expect(await newestPage(place, reading())).toBeUndefined();
});

test.each<[string, (order: number[]) => number[], number | undefined]>([
  ['the first is missing', (order) => order.slice(1), 1],
  ['one in the middle is missing', (order) => order.filter((one) => one !== 2), 3],
  ['two are exchanged', () => [0, 2, 1, 3, 4], 2],
  ['all are reversed', (order) => order.toReversed(), 1],
  ['one is there twice', () => [0, 1, 1, 2, 3, 4], 3],
])('%s', async (_name, change, number) => {
  await five();
  const layers = await layersThere();
  await putLayers(change([...layers.keys()]).map((index) => layers[index]!));
  expect(await refused()).toBe(number);
});

test('the last is missing: refused by who has seen it', async () => {
  const moves = await five();
  const state = await newState();
  await readHistory(place, reading(state));
  await putLayers((await layersThere()).slice(0, -1));
  expect(await refused(state)).toBe(5);
  await expect(newestPage(place, reading(state))).rejects.toMatchObject({ code: 'HISTORY_ALTERED' });
  expect(await readHistory(place, reading())).toEqual(moves.slice(0, -1));
});

test('all of it is missing: refused by who has seen it', async () => {
  await five();
  const state = await newState();
  await readHistory(place, reading(state));
  const lost = { ...place, client: shelf.client, repository: 'vendor/empty' };
  await expect(readHistory(lost, reading(state))).rejects.toMatchObject({ code: 'HISTORY_ALTERED' });
});

test('another fifth record of the same key: refused by who has seen the first', async () => {
  await five();
  const state = await newState();
  await readHistory(place, reading(state));
  await putLayers((await layersThere()).slice(0, -1));
  await append('another');
  expect(await refused(state)).toBe(5);
});

test('the history of another tag', async () => {
  await five();
  const layers = await layersThere();
  const other = { ...place, tag: 'other', reference: shelf.reference('other') };
  await putLayers(layers, other);
  expect(await refused(undefined, other)).toBe(1);
});

test('a record of another key in the middle, and at the end', async () => {
  const moves = await five();
  const layers = await layersThere();
  const theirs: TagMove = {
    reference: place.reference,
    number: 6,
    to: digestOf('evil'),
    reason: 'published',
    by: stranger.public.hint,
    time: 1,
    previous: moves[4]!.digest,
  };
  const layer = attachedLayer(attestMove(stranger, theirs), stranger.public);
  await shelf.push(digestOfPage(layer), pageOf([], layer));
  await putLayers([...layers, layer.descriptor]);
  expect(await refused()).toBe(6);
  await expect(newestPage(place, reading())).rejects.toMatchObject({ code: 'HISTORY_ALTERED' });
  await putLayers([...layers.slice(0, 2), layer.descriptor, ...layers.slice(3)]);
  expect(await refused()).toBe(3);
});

function digestOfPage(layer: ReturnType<typeof attachedLayer>): string {
  return sha256Of(pageOf([], layer).manifest);
}

test('bytes that were changed where the registry stores them', async () => {
  await five();
  const layers = await layersThere();
  await shelf.tamper(layers[1]!.digest, (bytes) =>
    Buffer.from(bytes.toString().replace('payload', 'PAYLOAD')),
  );
  expect(await refused()).toBe(2);
});

test.each<[string, object]>([
  ['image', { to: digestOf('evil') }],
  ['number', { number: 2 }],
  ['reason', { reason: 'promoted' }],
  ['hold', { hold: { reason: 'freeze' } }],
])('another %s below the same signature', async (_name, change) => {
  await five();
  const layers = await layersThere();
  const signed = await shelf.client.getBlob(shelf.repository, layers[2]!.digest, layers[2]!.size);
  const envelope = JSON.parse(signed!.toString()) as { payload: string };
  const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as { predicate: object };
  const altered = { ...statement, predicate: { ...statement.predicate, ...change } };
  const payload = Buffer.from(JSON.stringify(altered)).toString('base64');
  const bytes = Buffer.from(JSON.stringify({ ...envelope, payload }));
  const digest = sha256Of(bytes);
  await shelf.client.pushBlob(shelf.repository, { digest, size: bytes.length, content: { bytes } });
  const layer = { ...layers[2]!, digest, size: bytes.length };
  await putLayers([...layers.slice(0, 2), layer, ...layers.slice(3)]);
  expect(await refused()).toBe(3);
  await putLayers([...layers.slice(0, 2), layer]);
  await expect(newestPage(place, reading())).rejects.toMatchObject({ code: 'HISTORY_ALTERED' });
});

test('an image or an index in its place', async () => {
  const image = (await shelf.client.getManifest(shelf.repository, current))!;
  await shelf.client.putManifest(shelf.repository, name(), image.bytes, image.mediaType);
  expect(await refused()).toBe(1);
  const platform = { architecture: 'amd64', os: 'linux' };
  const manifests = [{ mediaType: manifestType, digest: current, size: image.bytes.length, platform }];
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
  await shelf.client.putManifest(shelf.repository, name(), index, indexType);
  expect(await refused()).toBe('history');
});

/** Records that were never appended one by one: the pages are pushed whole. */
async function pagesOf(total: number): Promise<void> {
  let previous: Digest | undefined;
  let layers: ReturnType<typeof attachedLayer>[] = [];
  for (let number = 1; number <= total; number++) {
    const { reference } = place;
    const by = shelf.key.public.hint;
    const move = { ...published(`image ${number}`), reference, number, by, time: number, previous };
    const attestation = attestMove(shelf.key, move);
    previous = sha256Of(attestation.envelope.payload);
    layers.push(attachedLayer(attestation, shelf.key.public));
    if (number % pageRecords !== 0 && number !== total) continue;
    const page = number % pageRecords === 0 ? number / pageRecords : undefined;
    const config = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };
    await shelf.push(historyTag(place.tag, shelf.key.public, page), makeArtifact({ config, layers }));
    layers = [];
  }
}

test('a history longer than a page', async () => {
  const state = await newState();
  const total = 2 * pageRecords + 3;
  await pagesOf(2 * pageRecords - 1);
  for (let number = 2 * pageRecords; number <= total; number++) {
    expect((await append(`image ${number}`, state)).number).toBe(number);
  }
  const moves = await readHistory(place, reading());
  expect(moves).toHaveLength(total);
  expect(await layersThere()).toHaveLength(3);
  // Each page is needed, in its place.
  const [one, two] = [1, 2].map((page) => historyTag(place.tag, shelf.key.public, page)) as [string, string];
  const first = (await shelf.client.getManifest(shelf.repository, one))!;
  const second = (await shelf.client.getManifest(shelf.repository, two))!;
  await shelf.client.putManifest(shelf.repository, two, first.bytes, first.mediaType);
  expect(typeof (await refused())).toBe('number');
  await shelf.client.putManifest(shelf.repository, two, second.bytes, second.mediaType);
  expect(await refused()).toBeUndefined();
});

test('eight publishers at once lose no record', async () => {
  const state = await newState();
  const names = Array.from({ length: 8 }, (_, index) => `image ${index}`);
  await Promise.all(names.map((one) => append(one, state)));
  const moves = await readHistory(place, reading());
  expect(moves.map(({ to }) => to).toSorted()).toEqual(names.map(digestOf).toSorted());
});

test('publishers without a common state: what is overwritten is written again', async () => {
  const states = await Promise.all(Array.from({ length: 4 }, newState));
  const names = states.map((_, index) => `image ${index}`);
  const appended = await Promise.all(names.map((one, index) => append(one, states[index])));
  for (const [index, move] of appended.entries()) {
    const options = { state: states[index]!, warn: () => undefined };
    await confirmMove(place, shelf.key, options, move);
  }
  const moves = await readHistory(place, reading());
  expect(new Set(moves.map(({ to }) => to))).toEqual(new Set(names.map(digestOf)));
});

test('a move that did not take place is told by the next record', async () => {
  await shelf.client.putManifest(
    shelf.repository,
    place.tag,
    (await shelf.client.getManifest(shelf.repository, current))!.bytes,
    manifestType,
  );
  await append('lost');
  const next = await append('next');
  expect(next.from).toBe(current);
});

test('a rollback that was killed before the tag moved is finished by the same command', async () => {
  const [older, newer] = [await shelf.image('older', [place.tag]), await shelf.image('newer', [place.tag])];
  const references = [place.reference];
  for (const image of [older, newer]) await shelf.hang(image, shelf.sign({ ...image, references }));
  const state = await newState();
  const options = { state, warn: () => undefined };
  for (const { descriptor } of [older, newer]) {
    const { bytes } = (await shelf.client.getManifest(shelf.repository, descriptor.digest))!;
    await shelf.client.putManifest(shelf.repository, place.tag, bytes, manifestType);
    await appendMove(place, shelf.key, options, () => ({ to: descriptor.digest, reason: 'published' }));
  }
  const rollingBack = () =>
    rollback(
      {
        reference: place.reference,
        key: shelf.path('release.key'),
        password: async () => password,
        plainHttp: false,
      },
      { state, progress: silent },
    );
  const killed = new Error('killed');
  const prototype = Object.getPrototypeOf(shelf.client) as RegistryClient;
  const putManifest = Reflect.get(prototype, 'putManifest');
  const spy = vi.spyOn(prototype, 'putManifest').mockImplementation(function (
    this: RegistryClient,
    ...args: Parameters<RegistryClient['putManifest']>
  ) {
    if (args[1] === place.tag) throw killed;
    return putManifest.apply(this, args);
  });
  await expect(rollingBack()).rejects.toBe(killed);
  spy.mockRestore();
  expect(await shelf.client.headManifest(shelf.repository, place.tag)).toBe(newer.descriptor.digest);
  expect((await newestPage(place, reading()))?.latest.reason).toBe('rolled-back');
  expect(await rollingBack()).toMatchObject({ from: newer.descriptor.digest, to: older.descriptor.digest });
  expect(await shelf.client.headManifest(shelf.repository, place.tag)).toBe(older.descriptor.digest);
  expect((await readHistory(place, reading())).map(({ reason }) => reason)).toEqual([
    'published',
    'published',
    'rolled-back',
  ]);
  await rm(state, { recursive: true });
});
