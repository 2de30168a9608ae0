/** Which stacks of machines would have two kernels on one disk. */
import { expect, test } from 'vitest';
import { sharedVolumes } from './shared-volumes.ts';

type Stack = Parameters<typeof sharedVolumes>[0];

const service = (readonly: boolean, { job = false, after = [] as string[], instances = 1 } = {}) => ({
  after,
  instances,
  volumes: { data: { path: '/srv', readonly } },
  test: { ready: job ? { exit: 0 } : {} },
});
const stackOf = (services: Record<string, ReturnType<typeof service>>) =>
  ({ services, volumes: { data: { size: '1G' } } }) as unknown as Stack;

test.each([
  ['one that writes', { a: service(false) }, false],
  ['two instances that write', { a: service(false, { instances: 2 }) }, true],
  ['two instances that read', { a: service(true, { instances: 2 }) }, false],
  ['two that read', { a: service(true), b: service(true) }, false],
  ['a reader beside a writer', { a: service(false), b: service(true) }, true],
  [
    'a job and who waits for it',
    { a: service(false, { job: true }), b: service(false, { after: ['a'] }) },
    false,
  ],
  ['a job that nobody waits for', { a: service(false, { job: true }), b: service(false) }, true],
  [
    'a job and who waits for it in two steps',
    {
      a: service(false, { job: true }),
      b: service(false, { job: true, after: ['a'] }),
      c: service(false, { after: ['b'] }),
    },
    false,
  ],
  ['a service and who waits for it', { a: service(false), b: service(false, { after: ['a'] }) }, true],
])('%s', (_, services, isShared) => {
  const lacks = sharedVolumes(stackOf(services));
  expect(lacks.map(({ key }) => key)).toEqual(isShared ? ['volumes.data'] : []);
});
