/** Stacks that look right until they are booted: each has one fault, and its verdict names that service and cause alone. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { StackVerdict } from '../../../src/stages/boot/stack-verdict.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { buildTinyStack, tinyStack, writeStack } from '../../helpers/tiny-stack.ts';
import { asks, buildScriptImages, scripted, serves, stays } from './script-stack.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  await buildTinyStack(desk);
  await buildScriptImages(desk);
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

/** Beside a service that is sound. */
interface ScriptFault {
  name: string;
  shop: object;
  checks?: object[];
  volumes?: object;
  secrets?: object;
  /** Of the service shop. */
  cause: string;
}

const web = scripted('answers', serves('felt'));
const scriptFaults: ScriptFault[] = [
  { name: 'never-ready', shop: scripted('says', stays), cause: 'not-ready' },
  { name: 'ends-after-it-is-ready', shop: scripted('runs', 'sleep 1; exit 3'), cause: 'exited' },
  {
    name: 'out-of-memory',
    shop: scripted('runs', `busybox tail /dev/zero; ${stays}`, { limits: { memory: '32M' } }),
    cause: 'out-of-memory',
  },
  {
    name: 'too-many-processes',
    shop: scripted('runs', '(while :; do sleep 100 & done) 2>/dev/null; exec sleep 100', {
      limits: { pids: 32 },
    }),
    cause: 'too-many-processes',
  },
  {
    name: 'fills-its-disk',
    shop: scripted('runs', `head -c 100m /dev/zero >/fill; ${stays}`, { limits: { disk: '24M' } }),
    cause: 'disk-full',
  },
  {
    name: 'fills-its-volume',
    shop: scripted('runs', `busybox dd if=/dev/zero of=/data/fill bs=1M count=100 || exit 4; ${stays}`, {
      volumes: { data: '/data' },
    }),
    volumes: { data: { size: '16M' } },
    cause: 'exited',
  },
  {
    name: 'does-not-stop',
    shop: scripted('runs', 'trap "" TERM; while :; do sleep 1; done'),
    cause: 'not-stopped',
  },
  {
    name: 'a-check-without-its-program',
    shop: scripted('runs', stays),
    checks: [{ from: 'shop', exec: ['/no/such/program'], ...soon }],
    cause: 'check-failed',
  },
  {
    name: 'another-status',
    shop: scripted('runs', stays),
    checks: [{ from: 'shop', http: 'http://web/word', status: 204, ...soon }],
    cause: 'check-failed',
  },
  {
    name: 'asks-before-it-is-ready',
    shop: scripted('runs', `${asks('web')} || exit 5; ${stays}`),
    cause: 'exited',
  },
  {
    name: 'a-secret-that-it-may-not-read',
    shop: scripted('other-user', `cat /run/password || exit 6; ${stays}`, {
      secrets: { password: '/run/password' },
    }),
    secrets: { password: { generate: 32 } },
    cause: 'exited',
  },
  { name: 'a-job-that-goes-on', shop: scripted('ends', stays), cause: 'not-ready' },
];

test.each(shareOfDay(scriptFaults, 6))('$name', async ({ name, shop: broken, cause, ...fields }) => {
  const slow =
    name === 'asks-before-it-is-ready'
      ? scripted('answers', `trap 'exit 0' TERM; sleep 2; ${serves('felt')}`)
      : web;
  await writeStack(desk, name, { services: { web: slow, shop: broken }, ...fields });
  const error = await desk.fails(['boot', `${name}.stack`]);
  const verdict = error.details as unknown as StackVerdict;
  const causes = verdict.causes.map(({ service, code }) => `${service} ${code}`);
  expect([...new Set(causes)], JSON.stringify(error)).toEqual([`shop ${cause}`]);
});

/** Refused before anything is started. */
const refused: [string, string, Record<string, unknown>][] = [
  [
    'waits-in-a-circle',
    'STACK_INVALID',
    { services: { web: { ...web, after: ['shop'] }, shop: { ...web, after: ['web'] } } },
  ],
  [
    'a-check-of-no-service',
    'STACK_INVALID',
    { services: { web }, checks: [{ from: 'web', tcp: 'shop:80' }] },
  ],
  [
    'two-on-one-port',
    'STACK_INVALID',
    {
      services: {
        web: { ...web, ports: [{ port: 80, publish: 8080 }] },
        shop: { ...web, ports: [{ port: 81, publish: 8080 }] },
      },
    },
  ],
  [
    'an-image-that-is-not-here',
    'IMAGE_NOT_FOUND',
    { services: { web: { ...web, image: `sha256:${'0'.repeat(64)}` } } },
  ],
  [
    'a-secret-without-its-file',
    'SECRET_UNUSABLE',
    {
      services: { web: { ...web, secrets: { word: '/etc/word' } } },
      secrets: { word: { file: 'no-such.secret' } },
    },
  ],
];

test.each(refused)('%s: %s', async (name, code, fields) => {
  await writeStack(desk, name, fields);
  expect(await desk.fails(['boot', `${name}.stack`])).toMatchObject({ code });
});

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
