/** More broken images: each way in which a service fails, is late, or answers what nobody expects. */
import { answers, booted, listens, plain, service, type BrokenVariant } from './pieces.ts';

const web = '/usr/local/bin/web';
const http = 'http://localhost:8080/';
const soon = { timeout: '3s' };
const runs = ['sleep infinity'];
const socket = ['[Socket]', 'ListenStream=8080', 'Accept=yes', '[Install]', 'WantedBy=sockets.target'];
const handler = ['[Service]', 'ExecStart=-/bin/true', 'StandardInput=socket'];

const failing: [string, string[]][] = [
  ['program-before-it-fails', ['Type=exec', 'ExecStartPre=/bin/false']],
  ['start-takes-too-long', ['Type=notify', 'TimeoutStartSec=1s']],
  ['working-directory-is-missing', ['Type=exec', 'WorkingDirectory=/no/such']],
  ['group-is-missing', ['Type=exec', 'Group=no-such-group']],
  ['environment-file-is-missing', ['Type=exec', 'EnvironmentFile=/etc/no-such.env']],
];

export const brokenServices: BrokenVariant[] = [
  ...failing.map(([name, lines]) => ({
    name,
    cause: 'unit-failed' as const,
    recipe: booted({ script: runs, service: lines }),
  })),
  {
    name: 'two-sockets-on-one-port',
    cause: 'unit-failed',
    recipe: booted({
      script: runs,
      units: { 'a.socket': socket, 'a@.service': handler, 'b.socket': socket, 'b@.service': handler },
    }),
  },
  {
    name: 'mount-of-nothing',
    cause: 'unit-failed',
    recipe: booted({
      script: runs,
      units: {
        'mnt.mount': [
          '[Mount]',
          'What=/no/such',
          'Where=/mnt',
          'Options=bind',
          '[Install]',
          'WantedBy=multi-user.target',
        ],
      },
    }),
  },
  {
    name: 'watchdog-is-not-fed',
    cause: 'unit-failed',
    recipe: booted({
      script: ['systemd-notify --ready', ...runs],
      service: ['Type=notify', 'NotifyAccess=all', 'WatchdogSec=1s'],
      test: { settle: '4s' },
    }),
  },
  {
    name: 'job-of-a-timer-fails',
    cause: 'unit-failed',
    recipe: booted({
      script: runs,
      units: {
        'job.service': ['[Service]', 'Type=oneshot', 'ExecStart=/bin/false'],
        'job.timer': ['[Timer]', 'OnActiveSec=1s', 'AccuracySec=1s', '[Install]', 'WantedBy=timers.target'],
      },
      test: { settle: '4s' },
    }),
  },
  {
    name: 'unit-segfaults',
    cause: 'unit-failed',
    recipe: booted({ script: ['sleep 1', 'kill -SEGV $$'], test: { settle: '4s' } }),
  },
  {
    name: 'what-it-requires-fails',
    cause: 'unit-failed',
    recipe: booted({
      script: runs,
      unit: ['Requires=other.service', 'After=other.service'],
      units: { 'other.service': service('Type=oneshot', 'ExecStart=/bin/false') },
      test: { ready: { timeout: '1m' } },
    }),
  },
  {
    name: 'unit-without-a-program',
    cause: 'not-ready',
    recipe: booted({ script: runs, service: ['ExecStart='], test: { ready: soon } }),
  },
  {
    name: 'awaited-unit-is-missing',
    cause: 'not-ready',
    recipe: booted({ script: runs, test: { ready: { unit: 'no-such.service', ...soon } } }),
  },
  {
    name: 'redirects',
    cause: 'check-failed',
    recipe: booted({
      script: [`exec ${listens(8080, web)}`],
      programs: { web: answers('301 Moved Permanently') },
      test: { checks: [{ tcp: 8080 }, { http, ...soon }] },
    }),
  },
  {
    name: 'speaks-another-protocol',
    cause: 'check-failed',
    recipe: booted({
      script: [`exec ${listens(8080, web)}`],
      programs: { web: ['echo SSH-2.0-felt'] },
      test: { checks: [{ tcp: 8080 }, { http, ...soon }] },
    }),
  },
  {
    name: 'entrypoint-ends-before-it-notifies',
    cause: 'exited',
    recipe: plain({ script: ['exit 3'], test: { ready: { notify: true } } }),
  },
];
