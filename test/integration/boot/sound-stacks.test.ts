/** Stacks that are as they should be, each in one way more: none fails. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { backendOfDay, shareOfDay } from '../../helpers/soak.ts';
import { writeStack } from '../../helpers/tiny-stack.ts';
import { asks, buildScriptImages, scripted, serves, stays } from './script-stack.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  await buildScriptImages(desk);
});
afterEach(async () => {
  expect(await remains(desk)).toEqual([]);
});
afterAll(() => desk.remove());

const web = scripted('answers', serves('felt'));
const volumes = { data: { size: '16M' } };
const secrets = { password: { generate: 32 } };

interface Sound {
  name: string;
  services: object;
  checks?: object[];
  volumes?: object;
  secrets?: object;
}

const stacks: Sound[] = [
  { name: 'one-service', services: { web } },
  {
    name: 'asks-what-is-ready',
    services: { web, shop: scripted('runs', `${asks('web')} || exit 5; ${stays}`, { after: ['web'] }) },
  },
  {
    name: 'a-row-of-four',
    services: {
      d: scripted('runs', `${asks('c')} || exit 5; ${stays}`, { after: ['c'] }),
      c: scripted('answers', `${asks('b')} || exit 5; ${serves('c')}`, { after: ['b'] }),
      b: scripted('answers', `${asks('a')} || exit 5; ${serves('b')}`, { after: ['a'] }),
      a: web,
    },
  },
  {
    name: 'two-ways-to-the-top',
    services: {
      top: scripted('runs', `${asks('left')} && ${asks('right')} || exit 5; ${stays}`, {
        after: ['left', 'right'],
      }),
      left: scripted('answers', `${asks('base')} || exit 5; ${serves('left')}`, { after: ['base'] }),
      right: scripted('answers', `${asks('base')} || exit 5; ${serves('right')}`, { after: ['base'] }),
      base: web,
    },
  },
  {
    name: 'two-that-do-not-wait',
    services: { one: scripted('answers', serves('one')), two: scripted('answers', serves('two')) },
    checks: [
      { from: 'one', http: 'http://two/word' },
      { from: 'two', http: 'http://one/word' },
    ],
  },
  {
    name: 'a-job-before-it',
    services: {
      job: scripted('ends', 'echo made >/data/word', { volumes: { data: '/data' } }),
      shop: scripted('runs', `grep -q made /data/word || exit 6; ${stays}`, {
        after: ['job'],
        volumes: { data: { path: '/data', readonly: true } },
      }),
    },
    volumes,
  },
  {
    name: 'two-writers',
    services: {
      one: scripted('runs', `echo one >/data/one; until [ -e /data/two ]; do sleep 0.1; done; ${stays}`, {
        volumes: { data: '/data' },
      }),
      two: scripted('runs', `echo two >/data/two; until [ -e /data/one ]; do sleep 0.1; done; ${stays}`, {
        volumes: { data: '/data' },
      }),
    },
    volumes,
  },
  {
    name: 'one-secret-for-two',
    services: {
      web: scripted(
        'answers',
        `mkdir -p /srv; cp /run/password /srv/word; busybox httpd -p 80 -h /srv; ${stays}`,
        {
          secrets: { password: '/run/password' },
        },
      ),
      shop: scripted('runs', `${asks('web')} | busybox cmp - /run/password || exit 6; ${stays}`, {
        after: ['web'],
        secrets: { password: '/run/password' },
      }),
    },
    secrets,
  },
  {
    name: 'a-secret-for-another-user',
    services: {
      shop: scripted(
        'other-user',
        `test "$(busybox stat -c %u:%g:%a /run/password)" = 7:8:400 && cat /run/password >/dev/null || exit 6; ${stays}`,
        {
          secrets: { password: { path: '/run/password', owner: '7:8' } },
        },
      ),
    },
    secrets,
  },
  {
    name: 'a-value-that-may-run',
    services: {
      shop: scripted('runs', `/opt/tool || exit 6; ${stays}`, {
        values: { '/opt/tool': { content: '#!/bin/sh\nexit 0\n', mode: '0555' } },
      }),
    },
  },
  {
    name: 'a-name-for-three',
    services: {
      web: { ...web, instances: 3 },
      shop: scripted(
        'runs',
        `test "$(busybox nslookup web | grep -c '10[.]213[.]74[.][2-9]')" = 3 || exit 6; ${asks('web-3')} || exit 7; ${stays}`,
        {
          after: ['web'],
        },
      ),
    },
    checks: [{ from: 'shop', http: 'http://web/word' }],
  },
  {
    name: 'names-in-capitals',
    services: { web, shop: scripted('runs', `${asks('WEB')} || exit 6; ${stays}`, { after: ['web'] }) },
  },
  {
    name: 'its-own-name',
    services: {
      shop: scripted(
        'runs',
        `test "$(busybox hostname)" = shop && grep -q shop /etc/hosts || exit 6; ${stays}`,
      ),
    },
  },
  {
    name: 'a-status-that-is-expected',
    services: { web, shop: scripted('runs', stays) },
    checks: [{ from: 'shop', http: 'http://web/nothing', status: 404 }],
  },
  {
    name: 'a-check-that-passes-later',
    services: { web, shop: scripted('runs', `sleep 2; touch /late; ${stays}`) },
    checks: [{ from: 'shop', exec: ['busybox', 'test', '-e', '/late'], timeout: '10s' }],
  },
  {
    name: 'a-bandwidth-and-few-processes',
    services: {
      web: { ...web, limits: { bandwidth: '1mbit', pids: 32, memory: '64M', cpus: 0.5 } },
      shop: scripted('runs', `${asks('web')} || exit 6; ${stays}`, { after: ['web'] }),
    },
  },
  {
    name: 'no-way-out',
    services: {
      shop: scripted(
        'runs',
        `${asks('192.0.2.1')} && exit 6; busybox nslookup example.com && exit 7; ${stays}`,
      ),
    },
  },
  {
    name: 'published-ports',
    services: { web: { ...web, ports: [80, { port: 80, publish: 0, address: '::1' }] } },
  },
];

/** Each backend in its turn. */
test.each(shareOfDay(stacks, 6))('$name', async ({ name, ...fields }) => {
  await writeStack(desk, name, fields);
  const verdict = await desk.json(['boot', `${name}.stack`, '--backend', backendOfDay]);
  expect(verdict).toMatchObject({ passed: true, causes: [] });
});
