import { expect, test } from 'vitest';
import { MillinerError } from '../../lib/errors/error.ts';
import { sha256Of, type Digest } from '../../lib/oci/digest.ts';
import { heldBack, heldOf, holdAt, rejectedAfter, requireMovable } from './tag-hold.ts';
import { maxRejected, type TagMove } from './tag-move.ts';

const digestOf = (name: string): Digest => sha256Of(Buffer.from(name));
const [a, b, lockA, lockB] = ['a', 'b', 'lock a', 'lock b'].map(digestOf) as [Digest, Digest, Digest, Digest];
const now = 1000;

const latest = (more: Partial<TagMove>): TagMove => ({
  reference: 'r.example/hat:1',
  number: 3,
  to: a,
  reason: 'published',
  by: 'key',
  time: 1,
  ...more,
});

test('a hold is in force before its end', () => {
  const hold = { reason: 'freeze', until: now + 1 };
  expect(holdAt(latest({ hold }), now)).toEqual(hold);
  expect(holdAt(latest({ hold }), now + 1)).toBeUndefined();
  expect(holdAt(latest({ hold: { reason: 'freeze' } }), Number.MAX_SAFE_INTEGER)).toEqual({
    reason: 'freeze',
  });
  expect(holdAt(undefined, now)).toBeUndefined();
});

test.each<[string, Partial<TagMove>, { digest: Digest; lock?: Digest }, string | undefined]>([
  ['free', {}, { digest: b, lock: lockB }, undefined],
  ['held', { hold: { reason: 'freeze' } }, { digest: b, lock: lockB }, 'held'],
  ['held until a time that has passed', { hold: { reason: 'freeze', until: now } }, { digest: b }, undefined],
  ['the rejected image', { rejected: { images: [b], locks: [] } }, { digest: b }, 'rejected'],
  [
    'another image of a rejected lock',
    { rejected: { images: [a], locks: [lockB] } },
    { digest: b, lock: lockB },
    'rejected',
  ],
  [
    'an image of another lock',
    { rejected: { images: [a], locks: [lockA] } },
    { digest: b, lock: lockB },
    undefined,
  ],
  ['an image without a lock', { rejected: { images: [a], locks: [lockA] } }, { digest: b }, undefined],
])('%s', (_name, more, candidate, kind) => {
  expect(heldBack(latest(more), candidate, now)?.kind).toBe(kind);
});

test('a tag without a history moves', () => {
  expect(heldBack(undefined, { digest: b }, now)).toBeUndefined();
});

test('the error says why and until when', () => {
  const move = latest({ hold: { reason: 'freeze', until: now + 60 } });
  let thrown: unknown;
  try {
    requireMovable('r.example/hat:1', move, { digest: b }, now);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(MillinerError);
  expect(thrown).toMatchObject({
    code: 'TAG_HELD',
    exitCode: 12,
    details: { reference: 'r.example/hat:1', kind: 'held', reason: 'freeze', until: now + 60, digest: b },
  });
});

test('a rollback rejects what it departs from, and no longer what it arrives at', () => {
  const first = rejectedAfter(undefined, { digest: b, lock: lockB }, { digest: a, lock: lockA });
  expect(first).toEqual({ images: [b], locks: [lockB] });
  const forward = rejectedAfter(first, { digest: a, lock: lockA }, { digest: b, lock: lockB });
  expect(forward).toEqual({ images: [a], locks: [lockA] });
});

test('a rollback between two images of one lock rejects the lock', () => {
  const rejected = rejectedAfter(undefined, { digest: b, lock: lockA }, { digest: a, lock: lockA });
  expect(rejected).toEqual({ images: [b], locks: [lockA] });
});

test('of an image without a lock, the image alone is rejected', () => {
  expect(rejectedAfter(undefined, { digest: b }, { digest: a })).toEqual({ images: [b], locks: [] });
});

test('the oldest rejected images are dropped', () => {
  const images = Array.from({ length: maxRejected }, (_, index) => digestOf(String(index)));
  const rejected = rejectedAfter({ images, locks: [] }, { digest: b }, { digest: a });
  expect(rejected?.images).toEqual([...images.slice(1), b]);
});

test.each<[string, Partial<TagMove>, object | undefined]>([
  ['free', {}, undefined],
  [
    'held',
    { hold: { reason: 'freeze', until: now + 1 } },
    { kind: 'held', reason: 'freeze', until: now + 1 },
  ],
  ['held until a time that has passed', { hold: { reason: 'freeze', until: now } }, undefined],
  [
    'rolled back',
    { rejected: { images: [a, b], locks: [] } },
    heldBack(latest({ rejected: { images: [b], locks: [] } }), { digest: b }, now),
  ],
  [
    'rolled back to another image of the lock',
    { rejected: { images: [], locks: [lockB] } },
    { kind: 'rejected', reason: expect.stringContaining(lockB) as string },
  ],
])('what a list shows of a tag that is %s', (_name, more, expected) => {
  expect(heldOf(latest(more), now)).toEqual(expected);
});
