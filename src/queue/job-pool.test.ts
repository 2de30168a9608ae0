import { expect, test } from 'vitest';
import { groupOf } from './job-pool.ts';
import type { StageJob } from './job.ts';

const job = (stage: StageJob['stage'], fields: Partial<StageJob> = {}, data: object = {}) =>
  ({ stage, submitter: 'one', data: { key: 'k', plainHttp: false, ...data }, ...fields }) as StageJob;

test('what builds never signs, and what signs never builds', () => {
  expect(groupOf(job('lock'))).toBe(groupOf(job('build')));
  expect(groupOf(job('sign'))).toBe(groupOf(job('publish')));
  expect(groupOf(job('build'))).not.toBe(groupOf(job('sign')));
  // An id of a key that says what another group is called.
  expect(groupOf(job('sign', {}, { key: 'build' }))).not.toBe(groupOf(job('build')));
});

test('a process serves one submitter, one key and one exchange', () => {
  const others = [
    job('sign', { submitter: 'two' }),
    job('sign', {}, { key: 'l' }),
    job('sign', {}, { exchange: 'registry.example.com/blobs' }),
    job('sign', {}, { plainHttp: true }),
  ];
  expect(new Set([job('sign'), ...others].map(groupOf)).size).toBe(others.length + 1);
});
