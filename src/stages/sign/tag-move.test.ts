import { beforeAll, expect, test } from 'vitest';
import { MillinerError } from '../../lib/errors/error.ts';
import { sha256Of, type Digest } from '../../lib/oci/digest.ts';
import { attachedLayer, layerEnvelopes } from './attestation.ts';
import { historyTag, maxRecordBytes, pageBefore, pageOf, pageRecords } from './history-page.ts';
import { generateKeyPair, readPrivateKey, type SigningKey } from './key.ts';
import { attest, predicateTypes, type Attestation } from './statement.ts';
import { attestMove, maxNoteLength, maxRejected, openMove, type TagMove } from './tag-move.ts';

let key: SigningKey;
let stranger: SigningKey;
beforeAll(async () => {
  const make = async () => readPrivateKey((await generateKeyPair('x')).privatePem, 'x');
  [key, stranger] = [await make(), await make()];
});

const digestOf = (name: string): Digest => sha256Of(Buffer.from(name));
const reference = 'r.example/hat:1';
const move = (more: Partial<TagMove> = {}): TagMove => ({
  reference,
  number: 1,
  to: digestOf('image'),
  reason: 'published',
  by: key.public.hint,
  time: 1_700_000_000,
  ...more,
});

/** As a reader finds it: in the layer of a page. */
function opened(attestation: Attestation, signer = key, tamper = (bytes: Buffer) => bytes) {
  const layer = attachedLayer(attestation, signer.public);
  const bytes = tamper(layer.bytes);
  const page = pageOf([], {
    descriptor: { ...layer.descriptor, size: bytes.length, digest: sha256Of(bytes) },
    bytes,
  });
  return openMove({ key: key.public, reference }, layerEnvelopes('the page', page)[0]!, 1);
}

function problemOf(open: () => unknown): string {
  try {
    open();
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'HISTORY_ALTERED') return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

test('what was signed is read', () => {
  const whole: TagMove = move({
    number: 7,
    from: digestOf('from'),
    lock: digestOf('lock'),
    note: 'a note',
    previous: digestOf('record 6'),
    hold: { reason: 'freeze', until: 1_800_000_000 },
    rejected: { images: [digestOf('bad')], locks: [digestOf('bad lock')] },
  });
  const attestation = attestMove(key, whole);
  expect(attestation.predicateType).toBe(predicateTypes.move);
  expect(opened(attestation)).toEqual({ ...whole, digest: sha256Of(attestation.envelope.payload) });
});

test('the same move has the same bytes', () => {
  expect(attestMove(key, move()).envelope).toEqual(attestMove(key, move()).envelope);
});

test.each<[string, () => unknown, RegExp]>([
  ['another key', () => opened(attestMove(stranger, move()), stranger), /signed with another key/],
  [
    'another tag',
    () => opened(attestMove(key, move({ reference: 'r.example/hat:2' }))),
    /is about r\.example\/hat:2/,
  ],
  [
    'another image than its subject',
    () => opened(attest(key, digestOf('x'), predicateTypes.move, move())),
    /contradicts/,
  ],
  ['another hint', () => opened(attestMove(key, move({ by: 'x' }))), /contradicts/],
  [
    'another kind',
    () => opened(attest(key, digestOf('image'), predicateTypes.standing, move())),
    /unknown form/,
  ],
  [
    'a field of a later version',
    () => opened(attest(key, digestOf('image'), predicateTypes.move, { ...move(), more: 1 })),
    /unknown form/,
  ],
  ['a changed payload', () => opened(attestMove(key, move()), key, changePayload), /was altered/],
  ['no JSON', () => opened(attestMove(key, move()), key, () => Buffer.from('{')), /was altered/],
])('a record of %s is refused', (_name, open, problem) => {
  expect(problemOf(open)).toMatch(problem);
});

function changePayload(bytes: Buffer): Buffer {
  const envelope = JSON.parse(bytes.toString()) as { payload: string };
  const payload = Buffer.from(envelope.payload, 'base64').toString().replace('published', 'promoted!');
  return Buffer.from(JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString('base64') }));
}

test('the largest record fits its bound', () => {
  const digests = Array.from({ length: maxRejected }, (_, index) => digestOf(String(index)));
  const note = '\u{1F3A9}'.repeat(maxNoteLength / 2);
  const fullest = move({
    from: digestOf('x'),
    lock: digestOf('x'),
    previous: digestOf('x'),
    note,
    hold: { reason: note, until: 1 },
    rejected: { images: digests, locks: digests },
  });
  expect(attachedLayer(attestMove(key, fullest), key.public).bytes.length).toBeLessThan(maxRecordBytes);
});

test('a history has a tag of its own for each tag and key, which no image can have', () => {
  const names = [historyTag('1', key.public), historyTag('2', key.public), historyTag('1', stranger.public)];
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect(name).toMatch(/^sha256-[0-9a-f]{64}\.history$/);
  expect(historyTag('1', key.public, 3)).toBe(`${names[0]}.3`);
});

test('the page before', () => {
  expect(pageBefore(1)).toBeUndefined();
  expect(pageBefore(pageRecords + 1)).toBe(1);
  expect(pageBefore(2 * pageRecords + 1)).toBe(2);
  expect(Number.isInteger(pageBefore(5)!)).toBe(false);
});
