import { expect, test } from 'vitest';
import { testSchema } from '../../stages/recipe/schema.ts';
import { testPlanOf } from '../state/test-plan.ts';
import { bootPlanOf } from './boot-plan.ts';

const config = { env: {}, exposedPorts: [], volumes: [], labels: {} };

test.each([
  [undefined, ['/usr/sbin/init'], true],
  [undefined, ['/usr/lib/systemd/systemd', '--unit=x.target'], true],
  [undefined, ['/usr/sbin/mariadbd'], false],
  [undefined, ['/usr/bin/my-init'], false],
  [undefined, [], false],
  [{}, ['init'], true],
  [{ init: false }, ['/sbin/init'], false],
  [{ init: true }, ['/usr/bin/other'], true],
  [{ ready: { unit: 'a.service' } }, ['/usr/bin/other'], true],
  [{ ready: { notify: true } }, ['/usr/bin/other'], false],
])('test %j of an image that starts %j: init is %j', (asked, cmd, init) => {
  const plan = asked && testSchema.parse(asked);
  expect(testPlanOf(plan, { ...config, cmd }).init).toBe(init);
  expect(testPlanOf(plan, { ...config, entrypoint: cmd, cmd: ['--help'] }).init).toBe(init);
});

test('an image whose recipe says nothing is held to limits all the same', () => {
  const { limits, checks, ...plan } = bootPlanOf(testPlanOf(undefined, config));
  expect(limits).toEqual({
    cpus: undefined,
    memory: 2 ** 31,
    pids: 2048,
    disk: 2 ** 32,
    bandwidth: undefined,
  });
  expect(checks).toEqual([]);
  expect(plan).toMatchObject({ init: false, readyTimeout: 60_000, settle: 5000, stopTimeout: 30_000 });
});

test('the words of a recipe in numbers', () => {
  const recipe = testSchema.parse({
    limits: { cpus: 0.5, memory: '512M', pids: 64, disk: '1G', bandwidth: '50mbit' },
    ready: { unit: 'a.service', timeout: '2m' },
    checks: [{ tcp: 80, timeout: '3s', interval: '100ms' }],
    settle: '0s',
    stop: { timeout: '10s' },
    allow: { units: ['b.service'] },
  });
  expect(bootPlanOf(testPlanOf(recipe, config))).toEqual({
    init: true,
    limits: { cpus: 0.5, memory: 2 ** 29, pids: 64, disk: 2 ** 30, bandwidth: 50_000_000 },
    ready: { unit: 'a.service', timeout: '2m' },
    readyTimeout: 120_000,
    checks: [
      {
        name: 'tcp 80',
        check: { tcp: 80, timeout: '3s', interval: '100ms' },
        timeout: 3000,
        interval: 100,
      },
    ],
    settle: 0,
    stopTimeout: 10_000,
    allow: { units: ['b.service'] },
  });
});

test.each([
  ['8kbit', 8000],
  ['3mbit', 3_000_000],
  ['2gbit', 2_000_000_000],
])('bandwidth %s', (bandwidth, bits) => {
  const plan = testPlanOf(testSchema.parse({ limits: { bandwidth } }), config);
  expect(bootPlanOf(plan).limits.bandwidth).toBe(bits);
});
