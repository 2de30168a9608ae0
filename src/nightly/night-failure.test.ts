import { expect, test } from 'vitest';
import { sha256Of } from '../lib/oci/digest.ts';
import { failingAfter } from './night-failure.ts';

const content = sha256Of(Buffer.from('recipe'));
const failure = { stage: 'build', code: 'BOOT_FAILED', message: 'no', hint: 'Mend it.' };

test('nights in a row, of which a day counts once', () => {
  const first = failingAfter(undefined, content, '2026-11-28', failure);
  expect(first).toMatchObject({ nights: 1, content, failure: { code: 'BOOT_FAILED' } });
  const again = failingAfter(first, content, '2026-11-28', failure);
  expect(again).toMatchObject({ nights: 1 });
  expect(failingAfter(again, content, '2026-11-29', failure)).toMatchObject({ nights: 2 });
});

test('a change begins anew', () => {
  const first = failingAfter(undefined, content, '2026-11-28', failure);
  const changed = sha256Of(Buffer.from('mended'));
  expect(failingAfter(first, changed, '2026-11-29', failure)).toMatchObject({ nights: 1, content: changed });
});

test.each(['REPO_UNAVAILABLE', 'REGISTRY_UNAVAILABLE', 'WORKER_DIED', 'DISK_FULL'])(
  '%s may pass, and does not count',
  (code) => {
    const first = failingAfter(undefined, content, '2026-11-28', failure);
    expect(failingAfter(first, content, '2026-11-29', { ...failure, code })).toEqual(first);
    expect(failingAfter(undefined, content, '2026-11-29', { ...failure, code })).toBeUndefined();
  },
);
