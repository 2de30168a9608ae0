import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sampleLock as lock } from '../../helpers/sample-lock.ts';
import { canonicalDigest } from '../../../src/lib/oci/digest.ts';
import { readLock, writeLock } from '../../../src/stages/lock/lock-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'milliner-lock-'));
afterAll(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'a.lock.json');

test('a lock comes back as it was written', async () => {
  await writeLock(path, lock);
  expect(await readLock(path)).toEqual(lock);
  expect(await readLock(join(directory, 'none.json'))).toBeUndefined();
});

test('every edited value is noticed', async () => {
  await writeLock(path, lock);
  const text = readFileSync(path, 'utf8');
  for (const [before, after] of [
    ['"size": 10', '"size": 11'],
    ['bash.rpm', 'bush.rpm'],
    ['aaaa"', 'aaab"'],
    ['"epoch": 1', '"epoch": 2'],
    ['"format": 1', '"format": 2'],
  ] as const) {
    writeFileSync(path, text.replace(before, after));
    await expect(readLock(path), before).rejects.toMatchObject({ code: 'LOCK_INVALID' });
  }
});

test.each(['', '{', '[]', '{"version":2}', '{"version":1,"recipe":7}', 'null'])(
  '%j is no lock',
  async (text) => {
    writeFileSync(path, text);
    await expect(readLock(path)).rejects.toMatchObject({ code: 'LOCK_INVALID' });
  },
);

test('the digest sees values and not how they were put together', () => {
  expect(canonicalDigest({ a: 1, b: { c: 2, d: [3, 4] } })).toBe(
    canonicalDigest({ b: { d: [3, 4], c: 2 }, a: 1 }),
  );
  expect(canonicalDigest({ a: [1, 2] })).not.toBe(canonicalDigest({ a: [2, 1] }));
});
