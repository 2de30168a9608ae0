/** Images that look right until they are booted: what each is to be rejected for. */
import { brokenServices } from './broken-services.ts';
import { answers, booted, listens, plain, runsUntilAsked, service, type BrokenVariant } from './pieces.ts';

const web = '/usr/local/bin/web';
const soon = { timeout: '3s' };
const fillsMemory = 'head -c 1G /dev/zero | tail';
const forks = 'while :; do sleep 1000 & done';
const fillsDisk = 'head -c 1G /dev/zero >/var/lib/fill';
/** 1 GiB in lines of 64 bytes. */
const talks = `yes "$(printf '%063d' 0)" | head -c 1G`;

const starting = service('Type=oneshot', 'TimeoutStartSec=infinity', 'ExecStart=/bin/sleep infinity');

/** systemd is the first process. */
const withInit: BrokenVariant[] = [
  {
    name: 'unit-exits',
    cause: 'unit-failed',
    recipe: booted({ script: ['sleep 0.2', 'exit 1'] }),
  },
  {
    name: 'unit-restarts-for-ever',
    cause: 'unit-restarted',
    recipe: booted({
      script: ['sleep 0.5', 'exit 1'],
      service: ['Restart=always', 'RestartSec=100ms'],
      unit: ['StartLimitIntervalSec=0'],
      test: { settle: '3s' },
    }),
  },
  {
    name: 'unit-restarts-once',
    cause: 'unit-restarted',
    recipe: booted({
      script: ['mkdir /run/second || exec sleep infinity', 'sleep 1', 'kill -SEGV $$'],
      service: ['Restart=on-failure', 'RestartSec=100ms'],
      test: { settle: '3s' },
    }),
  },
  {
    name: 'unit-crashes-after-ready',
    cause: 'unit-failed',
    recipe: booted({
      script: ['systemd-notify --ready', 'sleep 2', 'kill -ABRT $$'],
      service: ['Type=notify', 'NotifyAccess=all'],
      test: { settle: '4s' },
    }),
  },
  {
    name: 'unit-of-a-missing-user',
    cause: 'unit-failed',
    recipe: booted({ script: ['sleep infinity'], service: ['Type=exec', 'User=no-such-user'] }),
  },
  {
    name: 'unit-without-its-library',
    cause: 'unit-failed',
    recipe: booted({
      script: ['sleep infinity'],
      service: ['Type=exec', `ExecStartPre=/bin/sh -c 'rm /usr/lib/*/libtinfo.so.6'`],
    }),
  },
  {
    name: 'unit-with-an-unreadable-configuration',
    cause: 'unit-failed',
    recipe: booted({
      script: ['cat /etc/app.conf || exit 3', 'sleep infinity'],
      service: ['Type=exec', 'User=daemon'],
      files: [{ path: '/etc/app.conf', content: 'port = 8080\n', mode: '0600' }],
    }),
  },
  {
    name: 'another-unit-fails',
    cause: 'unit-failed',
    recipe: booted({
      script: ['sleep infinity'],
      units: { 'other.service': service('Type=oneshot', 'ExecStart=/bin/false') },
    }),
  },
  {
    // systemd would wait for the other unit until the end of the time.
    name: 'unit-fails-while-another-starts',
    cause: 'unit-failed',
    recipe: booted({
      script: ['exit 1'],
      service: ['Type=oneshot'],
      units: { 'slow.service': starting },
      test: { ready: { unit: undefined, timeout: '5m' } },
    }),
  },
  {
    name: 'other-unit-fails-while-awaited-one-starts',
    cause: 'unit-failed',
    recipe: booted({
      script: ['sleep infinity'],
      service: ['Type=oneshot', 'TimeoutStartSec=infinity'],
      units: { 'other.service': service('Type=oneshot', 'ExecStart=/bin/false') },
      test: { ready: { timeout: '5m' } },
    }),
  },
  {
    name: 'unit-restarts-while-another-starts',
    cause: 'unit-restarted',
    recipe: booted({
      script: ['sleep 1', 'exit 1'],
      service: ['Restart=always', 'RestartSec=1h'],
      units: { 'slow.service': starting },
      test: { ready: { unit: undefined, timeout: '5m' } },
    }),
  },
  {
    name: 'notifies-late',
    cause: 'not-ready',
    recipe: booted({
      script: ['sleep 30', 'systemd-notify --ready', 'sleep infinity'],
      service: ['Type=notify', 'NotifyAccess=all'],
      test: { ready: soon },
    }),
  },
  {
    name: 'never-notifies',
    cause: 'not-ready',
    recipe: booted({
      script: ['sleep infinity'],
      service: ['Type=notify', 'TimeoutStartSec=infinity'],
      test: { ready: soon },
    }),
  },
  {
    name: 'unit-whose-condition-fails',
    cause: 'not-ready',
    recipe: booted({
      script: ['sleep infinity'],
      unit: ['ConditionPathExists=/etc/no-such-file'],
      test: { ready: soon },
    }),
  },
  {
    name: 'unit-that-requires-a-missing-one',
    cause: 'not-ready',
    recipe: booted({
      script: ['sleep infinity'],
      unit: ['Requires=no-such.service', 'After=no-such.service'],
      test: { ready: soon },
    }),
  },
  {
    name: 'listens-late',
    cause: 'check-failed',
    recipe: booted({
      script: ['sleep 30', `exec ${listens(8080, web)}`],
      programs: { web: answers('200 OK') },
      test: { checks: [{ tcp: 8080, ...soon }] },
    }),
  },
  {
    name: 'listens-on-another-port',
    cause: 'check-failed',
    recipe: booted({
      script: [`exec ${listens(8081, web)}`],
      programs: { web: answers('200 OK') },
      test: { checks: [{ tcp: 8080, ...soon }] },
    }),
  },
  {
    name: 'answers-with-an-error',
    cause: 'check-failed',
    recipe: booted({
      script: [`exec ${listens(8080, web)}`],
      programs: { web: answers('500 Internal Server Error') },
      test: { checks: [{ tcp: 8080 }, { http: 'http://localhost:8080/', ...soon }] },
    }),
  },
  {
    name: 'accepts-and-never-answers',
    cause: 'check-failed',
    recipe: booted({
      script: [`exec ${listens(8080, web)}`],
      programs: { web: ['sleep infinity'] },
      test: { checks: [{ tcp: 8080 }, { http: 'http://localhost:8080/', ...soon }] },
    }),
  },
  {
    name: 'stops-answering',
    cause: 'check-failed',
    recipe: booted({
      script: [`timeout 3 ${listens(8080, web)}`, 'sleep infinity'],
      programs: { web: answers('200 OK') },
      test: { checks: [{ http: 'http://localhost:8080/', ...soon }], settle: '5s' },
    }),
  },
  {
    name: 'check-program-fails',
    cause: 'check-failed',
    recipe: booted({ script: ['sleep infinity'], test: { checks: [{ exec: ['/bin/false'], ...soon }] } }),
  },
  {
    name: 'check-program-hangs',
    cause: 'check-failed',
    recipe: booted({
      script: ['sleep infinity'],
      test: { checks: [{ exec: ['/bin/sleep', 'infinity'], ...soon }] },
    }),
  },
  {
    name: 'unit-out-of-memory',
    cause: 'out-of-memory',
    // Its main process lives on: only the kernel's count tells.
    recipe: booted({
      script: ['sleep 1', fillsMemory, 'sleep infinity'],
      test: { limits: { memory: '128M' }, settle: '5s' },
    }),
  },
  {
    name: 'unit-forks-for-ever',
    cause: 'too-many-processes',
    recipe: booted({
      script: [forks],
      service: ['Type=exec', 'TasksMax=infinity'],
      test: { limits: { pids: 64 }, settle: '3s' },
    }),
  },
  {
    name: 'unit-fills-its-disk',
    cause: 'disk-full',
    recipe: booted({
      script: [fillsDisk, 'sleep infinity'],
      test: { limits: { disk: '64M' }, settle: '5s' },
    }),
  },
  {
    name: 'unit-does-not-stop',
    cause: 'not-stopped',
    recipe: booted({
      script: ['trap "" TERM', 'while :; do sleep 1; done'],
      service: ['Type=exec', 'TimeoutStopSec=infinity'],
      test: { stop: soon },
    }),
  },
  {
    name: 'no-such-target',
    cause: 'not-ready',
    recipe: booted({
      script: ['sleep infinity'],
      config: { cmd: ['/sbin/init', '--unit=no-such.target'] },
      test: { ready: { ...soon } },
    }),
  },
  {
    name: 'no-init',
    cause: 'start-failed',
    recipe: { config: { cmd: ['/sbin/no-such-init'] }, test: { init: true } },
  },
  {
    name: 'init-ends',
    cause: 'exited',
    recipe: { config: { cmd: ['/bin/true'] }, test: { init: true } },
  },
];

/** The image's program is the first process, alone. */
const withoutInit: BrokenVariant[] = [
  {
    name: 'no-entrypoint',
    cause: 'start-failed',
    recipe: { config: { cmd: [] }, test: { init: false } },
  },
  {
    name: 'missing-entrypoint',
    cause: 'start-failed',
    recipe: plain({ script: [], config: { entrypoint: ['/usr/local/bin/no-such-app'] } }),
  },
  {
    name: 'entrypoint-without-its-interpreter',
    // The runtime finds the program; only the kernel finds that it cannot be run.
    cause: 'exited',
    recipe: plain({
      script: [],
      files: [{ path: '/usr/local/bin/interpreted', content: '#!/usr/bin/python3\n', mode: '0755' }],
      config: { entrypoint: ['/usr/local/bin/interpreted'] },
    }),
  },
  {
    name: 'entrypoint-that-may-not-run',
    cause: 'start-failed',
    recipe: plain({
      script: [],
      files: [{ path: '/usr/local/bin/plain-file', content: '#!/bin/bash\nsleep infinity\n' }],
      config: { entrypoint: ['/usr/local/bin/plain-file'] },
    }),
  },
  {
    name: 'missing-user',
    cause: 'start-failed',
    recipe: plain({ script: runsUntilAsked, config: { user: 'no-such-user' } }),
  },
  { name: 'exits-at-once', cause: 'exited', recipe: plain({ script: ['exit 0'] }) },
  {
    name: 'dies-with-control-characters',
    cause: 'exited',
    recipe: plain({ script: [String.raw`printf '\e]0;owned\a\e[2J\xc2\x9b31mred\r\n'`, 'exit 1'] }),
  },
  {
    name: 'asks-a-terminal',
    cause: 'exited',
    recipe: plain({ script: [], config: { entrypoint: ['/bin/bash'] } }),
  },
  {
    name: 'exits-while-watched',
    cause: 'exited',
    recipe: plain({ script: ['sleep 2', 'exit 3'], test: { settle: '4s' } }),
  },
  {
    name: 'unreadable-configuration',
    cause: 'exited',
    recipe: plain({
      script: ['cat /etc/app.conf || exit 3', ...runsUntilAsked],
      files: [{ path: '/etc/app.conf', content: 'port = 8080\n', mode: '0600' }],
      config: { user: 'daemon' },
    }),
  },
  {
    name: 'exits-with-another-code',
    cause: 'exited',
    recipe: plain({ script: ['exit 4'], test: { ready: { exit: 0 } } }),
  },
  {
    name: 'does-not-exit',
    cause: 'not-ready',
    recipe: plain({ script: runsUntilAsked, test: { ready: { exit: 0, ...soon } } }),
  },
  {
    name: 'entrypoint-never-notifies',
    cause: 'not-ready',
    recipe: plain({ script: runsUntilAsked, test: { ready: { notify: true, ...soon } } }),
  },
  {
    name: 'out-of-memory',
    cause: 'out-of-memory',
    recipe: plain({
      script: [fillsMemory, ...runsUntilAsked],
      test: { limits: { memory: '64M' }, settle: '4s' },
    }),
  },
  {
    name: 'forks-for-ever',
    cause: 'too-many-processes',
    recipe: plain({ script: [forks], test: { limits: { pids: 32 }, settle: '3s' } }),
  },
  {
    name: 'leaves-zombies',
    cause: 'too-many-processes',
    // The first process becomes one that waits for nobody; each `true` is left to it.
    recipe: plain({
      script: ['(while :; do (true &); done) &', 'exec sleep infinity'],
      test: { limits: { pids: 64 }, settle: '5s', stop: { timeout: '1s' } },
    }),
  },
  {
    name: 'fills-its-disk',
    cause: 'disk-full',
    recipe: plain({
      script: [fillsDisk, ...runsUntilAsked],
      test: { limits: { disk: '64M' }, settle: '4s' },
    }),
  },
  {
    name: 'talks-without-end',
    cause: 'too-much-output',
    recipe: plain({ script: [talks, ...runsUntilAsked], test: { settle: '10s' } }),
  },
  {
    name: 'talks-in-one-line',
    cause: 'too-much-output',
    recipe: plain({
      script: [`head -c 1G /dev/zero | tr '\\0' x`, ...runsUntilAsked],
      test: { settle: '10s' },
    }),
  },
  {
    name: 'does-not-stop',
    cause: 'not-stopped',
    recipe: plain({ script: ['exec sleep infinity'], test: { stop: soon } }),
  },
];

export const broken = [...withInit, ...withoutInit, ...brokenServices];
