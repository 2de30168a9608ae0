/** Signatures by keys and subkeys that have expired, were revoked, or are not valid yet; gpg makes them at their times. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifySignatures } from '../../../src/lib/rpm/package-signature.ts';
import { refusalOf } from '../../../src/lib/rpm/signing-key.ts';
import { packageVerdict as verdict, TimedKeys } from './timed-keys.ts';

let keys: TimedKeys;
beforeAll(async () => {
  keys = await TimedKeys.open();
});
afterAll(() => keys.close());

test('an expired key, or subkey, counts for what was signed in time', async () => {
  const alone = await keys.key('2020-01-01');
  const withSub = await keys.key('2020-01-01', ['2020-01-02']);
  const expiredSub = await keys.key('2020-01-01', ['2020-01-02']);
  const [subkey = ''] = withSub.subkeys;
  const [own = ''] = expiredSub.subkeys;
  const days = ['2020-02-01', '2020-05-31', '2020-06-02'];
  const signed = await Promise.all(
    [alone.primary, subkey, own, expiredSub.primary].map(async (signer) => {
      const paths: string[] = [];
      for (const day of days) paths.push(await keys.sign(day, signer));
      return paths;
    }),
  );
  await keys.expire('2020-01-15', alone, '2020-06-01');
  await keys.expire('2020-01-15', withSub, '2020-06-01');
  await keys.expire('2020-01-15', expiredSub, '2020-06-01', own);
  const files = [alone, withSub, expiredSub, expiredSub].map((made) => keys.exported(made));
  const found: string[][] = [];
  for (const [index, paths] of signed.entries()) {
    const file = await files[index]!;
    found.push([]);
    for (const path of paths) found[index]!.push(await verdict(path, file));
  }
  const inTime = ['good', 'good', 'expired-key'];
  expect(found).toEqual([inTime, inTime, inTime, ['good', 'good', 'good']]);
  // A copy of the key from before it was prolonged does no harm.
  const before = await files[0]!;
  await keys.expire('2020-01-16', alone, '2040-01-01');
  expect(await verdict(signed[0]![2]!, before, await keys.exported(alone))).toBe('good');
});

test('a revoked key counts for nothing, the others of its file still do', async () => {
  const made = await keys.key('2020-01-01', ['2020-01-02', '2020-01-03']);
  const [first = '', second = ''] = made.subkeys;
  const paths = [
    await keys.sign('2020-02-01', first),
    await keys.sign('2020-02-01', second),
    await keys.sign('2020-02-01', made.primary),
  ];
  await keys.revoke(made, '1');
  const file = await keys.exported(made);
  const found = [];
  for (const path of paths) found.push(await verdict(path, file));
  expect(found).toEqual(['revoked-key', 'good', 'good']);
  const named = await verifySignatures([paths[1]!], { keys: [{ file, fingerprint: made.primary }] });
  expect(named).toMatchObject([{ fingerprint: made.primary }]);
  await keys.revokePrimary(made);
  const gone = await keys.exported(made);
  for (const path of paths) expect(await verdict(path, gone)).toBe('revoked-key');
  // Nor does a copy from before it was.
  expect(await verdict(paths[1]!, file, gone)).toBe('revoked-key');
});

test('a key counts for nothing before it is valid', () => {
  const subkey = {
    fingerprint: 'AB',
    fault: undefined,
    kind: 'RSA 4096',
    canSign: true,
    created: 1000,
    expires: 2000,
  };
  const times = [999, 1000, 1999, 2000].map((time) => refusalOf(subkey, time)?.problem);
  expect(times).toEqual(['early-key', undefined, undefined, 'expired-key']);
});
