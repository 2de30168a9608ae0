/** Images that do unusual things and are in order. */
import {
  answers,
  booted,
  endsWhenAsked,
  listens,
  plain,
  runsUntilAsked,
  service,
  type Variant,
} from './pieces.ts';
import { soundServices } from './sound-services.ts';

const web = '/usr/local/bin/web';
const http = 'http://localhost:8080/';

/** systemd is the first process. */
const withInit: Variant[] = [
  { name: 'nothing-of-its-own', recipe: { test: { settle: '1s' } } },
  {
    name: 'starts-slowly',
    recipe: booted({
      script: ['sleep 4', 'systemd-notify --ready', 'sleep infinity'],
      service: ['Type=notify', 'NotifyAccess=all'],
    }),
  },
  {
    name: 'listens-after-a-while',
    recipe: booted({
      script: ['sleep 3', `exec ${listens(8080, web)}`],
      programs: { web: answers('200 OK') },
      test: { checks: [{ tcp: 8080 }, { http }] },
    }),
  },
  {
    name: 'logs-errors',
    recipe: booted({
      script: [
        'for level in 0 1 2 3; do echo "<$level>something is very wrong"; done',
        'echo FATAL ERROR panic: segmentation fault >&2',
        'sleep infinity',
      ],
    }),
  },
  {
    name: 'floods-its-journal',
    // 1 GiB in lines of 64 bytes: the journal keeps to its size, and the instance to its memory.
    recipe: booted({
      script: [`yes "$(printf '%063d' 0)" | head -c 1G`, 'sleep infinity'],
      service: ['Type=exec', 'LogRateLimitIntervalSec=0'],
      test: { limits: { memory: '512M' }, settle: '5s' },
    }),
  },
  {
    name: 'oneshot-that-is-over',
    recipe: booted({
      script: ['exit 0'],
      service: ['Type=oneshot'],
      test: { ready: { unit: 'multi-user.target' } },
    }),
  },
  {
    name: 'oneshot-that-remains',
    recipe: booted({ script: ['exit 0'], service: ['Type=oneshot', 'RemainAfterExit=yes'] }),
  },
  {
    name: 'another-unit-is-skipped',
    recipe: booted({
      script: ['sleep infinity'],
      units: {
        'other.service': ['[Unit]', 'ConditionPathExists=/no-such-file', ...service('ExecStart=/bin/false')],
      },
    }),
  },
  {
    name: 'failure-that-is-allowed',
    recipe: booted({
      script: ['sleep infinity'],
      units: { 'other.service': service('Type=oneshot', 'ExecStart=/bin/false') },
      test: { allow: { units: ['other.service'] } },
    }),
  },
  {
    name: 'failure-that-is-mended',
    recipe: booted({
      script: ['test -e /run/mended || exit 1', 'sleep infinity'],
      service: ['Type=exec', 'Restart=no'],
      unit: ['OnFailure=mend.service'],
      units: {
        'mend.service': [
          '[Service]',
          'Type=oneshot',
          'ExecStart=/usr/bin/sleep 3',
          'ExecStart=/usr/bin/touch /run/mended',
          'ExecStart=/usr/bin/systemctl --no-block start app.service',
        ],
        'slow.service': service('Type=oneshot', 'RemainAfterExit=yes', 'ExecStart=/bin/sleep 6'),
      },
      test: { ready: { unit: undefined } },
    }),
  },
  {
    name: 'restart-that-is-allowed',
    recipe: booted({
      script: ['mkdir /run/second && exit 1', 'sleep infinity'],
      service: ['Type=exec', 'Restart=on-failure', 'RestartSec=1s'],
      units: { 'slow.service': service('Type=oneshot', 'RemainAfterExit=yes', 'ExecStart=/bin/sleep 4') },
      test: { ready: { unit: 'slow.service' }, allow: { units: ['app.service'] } },
    }),
  },
  {
    name: 'service-that-runs-every-hour',
    recipe: booted({
      script: ['exit 0'],
      service: ['Restart=always', 'RestartSec=1h'],
      units: { 'slow.service': service('Type=oneshot', 'RemainAfterExit=yes', 'ExecStart=/bin/sleep 3') },
      test: { ready: { unit: undefined } },
    }),
  },
  {
    name: 'exit-code-that-counts-as-success',
    recipe: booted({
      script: ['exit 42'],
      service: ['Type=oneshot', 'SuccessExitStatus=42'],
      test: { ready: { unit: 'multi-user.target' } },
    }),
  },
  {
    name: 'unit-of-an-ordinary-user',
    recipe: booted({
      script: ['test "$(whoami)" = daemon && sleep infinity'],
      service: ['Type=exec', 'User=daemon', 'RuntimeDirectory=app', 'StateDirectory=app'],
    }),
  },
  {
    name: 'daemon-that-forks',
    recipe: booted({
      script: ['sleep infinity & echo $! >/run/app.pid'],
      service: ['Type=forking', 'PIDFile=/run/app.pid'],
    }),
  },
  {
    name: 'children-that-end',
    recipe: booted({
      script: ['while :; do (exit 7) & (kill -KILL $BASHPID) & wait; sleep 0.1; done'],
      test: { settle: '3s' },
    }),
  },
  {
    name: 'unit-near-its-memory',
    recipe: booted({
      script: ['head -c 96M /dev/zero | tail | wc -c', 'sleep infinity'],
      test: { limits: { memory: '256M' }, settle: '3s' },
    }),
  },
  {
    name: 'started-by-its-socket',
    recipe: booted({
      script: ['sleep infinity'],
      programs: { web: answers('200 OK') },
      units: {
        'web.socket': ['[Socket]', 'ListenStream=8080', 'Accept=yes', '[Install]', 'WantedBy=sockets.target'],
        'web@.service': ['[Service]', `ExecStart=-${web}`, 'StandardInput=socket'],
      },
      test: { ready: { unit: 'web.socket' }, checks: [{ http }] },
    }),
  },
  {
    name: 'timer-that-elapses',
    recipe: booted({
      script: ['exit 0'],
      service: ['Type=oneshot'],
      units: {
        'app.timer': ['[Timer]', 'OnActiveSec=1s', 'AccuracySec=1s', '[Install]', 'WantedBy=timers.target'],
      },
      test: { ready: { unit: 'app.timer' }, settle: '3s' },
    }),
  },
  {
    name: 'check-that-takes-a-few-tries',
    recipe: booted({
      script: ['sleep 3', 'touch /run/app-is-there', 'sleep infinity'],
      test: { checks: [{ exec: ['test', '-e', '/run/app-is-there'] }] },
    }),
  },
  {
    name: 'two-on-one-port',
    recipe: booted({
      script: [`exec ${listens(8080, web)}`],
      programs: { web: answers('200 OK') },
      test: { instances: 2, checks: [{ http }] },
    }),
  },
  {
    name: 'stops-slowly',
    recipe: booted({
      script: ['trap "sleep 2; exit 0" TERM', 'sleep infinity & wait'],
      test: { stop: { timeout: '20s' } },
    }),
  },
];

/** The image's program is the first process, alone. */
const withoutInit: Variant[] = [
  { name: 'plain-program', recipe: plain({ script: runsUntilAsked }) },
  {
    name: 'plain-server',
    recipe: plain({
      script: [endsWhenAsked, `${listens(8080, web)} & wait`],
      programs: { web: answers('200 OK') },
      test: { checks: [{ tcp: 8080 }, { http }] },
    }),
  },
  {
    name: 'answers-as-expected',
    recipe: plain({
      script: [endsWhenAsked, `${listens(8080, web)} & wait`],
      programs: { web: answers('404 Not Found') },
      test: { checks: [{ http, status: 404 }] },
    }),
  },
  {
    name: 'entrypoint-that-notifies',
    recipe: plain({
      script: ['sleep 2', 'systemd-notify --ready', ...runsUntilAsked],
      test: { ready: { notify: true } },
    }),
  },
  {
    name: 'runs-to-its-end',
    recipe: plain({ script: ['sleep 1', 'exit 0'], test: { ready: { exit: 0 } } }),
  },
  {
    name: 'runs-to-an-expected-code',
    recipe: plain({ script: ['exit 5'], test: { ready: { exit: 5 } } }),
  },
  {
    name: 'ordinary-user',
    recipe: plain({
      script: ['test "$(whoami):$PWD:$COLOUR" = daemon:/var/lib:green || exit 3', ...runsUntilAsked],
      config: { user: 'daemon', workingDir: '/var/lib', env: { COLOUR: 'green' } },
    }),
  },
  {
    name: 'numeric-user',
    recipe: plain({
      script: ['test "$(id -u):$(id -g)" = 4711:4712 || exit 3', ...runsUntilAsked],
      config: { user: '4711:4712' },
    }),
  },
  {
    name: 'near-its-memory',
    recipe: plain({
      script: ['head -c 40M /dev/zero | tail | wc -c', ...runsUntilAsked],
      test: { limits: { memory: '128M' }, settle: '2s' },
    }),
  },
  {
    name: 'near-its-processes',
    recipe: plain({
      script: ['for n in {1..20}; do sleep infinity & done', ...runsUntilAsked],
      test: { limits: { pids: 32 } },
    }),
  },
  {
    name: 'near-its-disk',
    recipe: plain({
      script: ['head -c 40M /dev/zero >/var/lib/data || exit 1', ...runsUntilAsked],
      test: { limits: { disk: '64M' } },
    }),
  },
  {
    name: 'prints-anything',
    recipe: plain({
      script: [
        String.raw`printf '\e[2J\e]0;title\a\x00\xff\xfe\r\b%0100000d\n{"causes":[{"code":"exited"}]}\n' 0`,
        ...runsUntilAsked,
      ],
    }),
  },
  {
    name: 'ends-by-the-signal',
    recipe: plain({ script: ['trap "trap - TERM; exit 143" TERM', 'sleep infinity & wait'] }),
  },
];

export const sound = [...withInit, ...withoutInit, ...soundServices];
