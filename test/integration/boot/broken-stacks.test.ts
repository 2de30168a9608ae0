/** Stacks that look right until they are booted: each has one fault, and its verdict names that service and cause alone. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { StackVerdict } from '../../../src/stages/boot/stack-verdict.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { buildTinyStack, tinyStack, writeStack } from '../../helpers/tiny-stack.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  await buildTinyStack(desk);
});
afterEach(async () => {
  expect(await remains(desk)).toEqual([]);
});
afterAll(() => desk.remove());

const { migrate, store, shop } = tinyStack.services;
const soon = { timeout: '2s' };

interface Fault {
  name: string;
  services?: object;
  checks?: object[];
  /** The one cause. */
  cause: string;
  /** Which services were started, where that does not depend on which is faster. */
  started?: string[];
}

const faults: Fault[] = [
  {
    name: 'a-job-that-was-forgotten',
    services: { store: { ...store, after: [] }, shop, migrate: { ...migrate, after: ['store'] } },
    cause: 'store exited',
  },
  {
    name: 'a-job-that-fails',
    services: { store, shop, migrate: { ...migrate, volumes: { data: { path: '/srv', readonly: true } } } },
    cause: 'migrate exited',
    started: ['migrate'],
  },
  {
    name: 'a-value-that-is-missing',
    services: { migrate, store: { ...store, secrets: {}, values: { '/etc/greeting': 'x' } }, shop },
    cause: 'shop check-failed',
  },
  {
    name: 'an-owner-that-no-image-has',
    services: {
      migrate,
      store,
      shop: {
        ...shop,
        instances: 1,
        secrets: { word: { path: '/etc/word', owner: 'hatter:hatter' }, password: '/etc/password' },
      },
    },
    cause: 'shop start-failed',
  },
  {
    name: 'a-port-that-nobody-listens-at',
    checks: [{ from: 'shop', tcp: 'store:81', ...soon }],
    cause: 'shop check-failed',
  },
  {
    name: 'a-page-that-is-not-there',
    checks: [{ from: 'shop', http: 'http://store/nothing', ...soon }],
    cause: 'shop check-failed',
  },
  {
    name: 'a-name-that-no-service-has',
    checks: [{ from: 'shop', exec: ['busybox', 'nslookup', 'warehouse'], ...soon }],
    cause: 'shop check-failed',
  },
];

test.each(shareOfDay(faults, 3))('$name', async ({ name, services = {}, checks, cause, started }) => {
  const fields = { ...tinyStack, services: { ...tinyStack.services, ...services } };
  const short = tinyStack.checks.map((check) => ({ ...check, ...soon }));
  await writeStack(desk, name, { ...fields, checks: checks ?? short });
  const error = await desk.fails(['boot', `${name}.stack`]);
  expect(error).toMatchObject({ code: 'BOOT_FAILED', exit: 11 });
  const verdict = error.details as unknown as StackVerdict;
  expect([...new Set(verdict.causes.map(({ service, code }) => `${service} ${code}`))]).toEqual([cause]);
  expect(Object.keys(verdict.services)).toEqual(started ?? expect.arrayContaining([cause.split(' ')[0]]));
  expect(verdict.passed).toBe(false);
});
