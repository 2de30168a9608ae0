/** More images in order: each way in which a service starts, is ready, is asked and stops. */
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

const web = '/usr/local/bin/web';
const http = 'http://localhost:8080/';
const runs = ['sleep infinity'];
const everyBoot = ['[Install]', 'WantedBy=multi-user.target'];
const wants = '/etc/systemd/system/multi-user.target.wants';

/** Settings of a service that runs until it is stopped. */
const settings: [string, string[]][] = [
  ['type-simple', ['Type=simple']],
  ['type-idle', ['Type=idle']],
  ['programs-before-and-after', ['Type=exec', 'ExecStartPre=/bin/true', 'ExecStartPost=/bin/true']],
  ['failure-before-that-does-not-matter', ['Type=exec', 'ExecStartPre=-/bin/false']],
  ['restarted-on-failure-that-never-comes', ['Type=exec', 'Restart=on-failure']],
  ['restarted-always-and-never-ends', ['Type=exec', 'Restart=always']],
  ['reloadable', ['Type=exec', 'ExecReload=/bin/true']],
  ['silent', ['Type=exec', 'StandardOutput=null', 'StandardError=null']],
  ['stopped-by-a-program', ['Type=exec', 'ExecStop=/bin/sleep 2']],
];

const withInit: Variant[] = [
  ...settings.map(([name, lines]) => ({ name, recipe: booted({ script: runs, service: lines }) })),
  {
    name: 'notifies-with-a-status',
    recipe: booted({
      script: ['systemd-notify --status="all is well"', 'systemd-notify --ready', ...runs],
      service: ['Type=notify', 'NotifyAccess=all'],
    }),
  },
  {
    name: 'oneshot-of-two-programs',
    recipe: booted({
      script: ['exit 0'],
      service: ['Type=oneshot', 'RemainAfterExit=yes', 'ExecStart=/bin/true'],
    }),
  },
  {
    name: 'condition-that-holds',
    recipe: booted({ script: runs, unit: ['ConditionPathExists=/etc/passwd'] }),
  },
  {
    name: 'awaited-by-its-alias',
    recipe: {
      ...booted({ script: runs, test: { ready: { unit: 'web.service' } } }),
      symlinks: [{ path: '/etc/systemd/system/web.service', target: 'app.service' }],
    },
  },
  {
    name: 'instance-of-a-template',
    recipe: {
      ...booted({
        script: runs,
        units: { 'job@.service': ['[Service]', 'ExecStart=/bin/sleep %i'] },
        test: { ready: { unit: 'job@1000.service' } },
      }),
      symlinks: [{ path: `${wants}/job@1000.service`, target: '../job@.service' }],
    },
  },
  {
    name: 'target-of-its-own',
    recipe: booted({
      script: runs,
      units: { 'all.target': ['[Unit]', 'Requires=app.service', 'After=app.service', ...everyBoot] },
      test: { ready: { unit: 'all.target' } },
    }),
  },
  {
    name: 'drop-in',
    recipe: booted({
      script: ['test "$COLOUR" = green && sleep infinity'],
      files: [
        {
          path: '/etc/systemd/system/app.service.d/10-colour.conf',
          content: '[Service]\nEnvironment=COLOUR=green\n',
        },
      ],
    }),
  },
  {
    name: 'environment-from-a-file',
    recipe: booted({
      script: ['test "$COLOUR" = green && sleep infinity'],
      service: ['Type=exec', 'EnvironmentFile=/etc/app.env'],
      files: [{ path: '/etc/app.env', content: 'COLOUR=green\n' }],
    }),
  },
  {
    name: 'started-by-its-path',
    recipe: booted({
      script: runs,
      units: { 'app.path': ['[Path]', 'PathExists=/etc/passwd', ...everyBoot] },
    }),
  },
  {
    name: 'listens-on-one-address-of-version-6',
    recipe: booted({
      script: [`exec systemd-socket-activate --listen=[::1]:8080 --accept --inetd ${web}`],
      programs: { web: answers('200 OK') },
      test: { checks: [{ tcp: 8080 }, { http }] },
    }),
  },
  {
    name: 'checks-of-each-kind',
    recipe: booted({
      script: [`exec ${listens(8080, web)}`],
      programs: { web: answers('204 No Content') },
      test: {
        checks: [
          { exec: ['/bin/true'], interval: '100ms' },
          { tcp: 8080, interval: '100ms' },
          { http, status: 204, timeout: '20s' },
        ],
      },
    }),
  },
  {
    name: 'many-units',
    recipe: booted({
      script: runs,
      units: Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [
          `job-${index}.service`,
          service('Type=oneshot', 'ExecStart=/bin/true'),
        ]),
      ),
    }),
  },
  {
    name: 'units-one-after-the-other',
    recipe: booted({
      script: runs,
      unit: ['After=step-4.service'],
      units: Object.fromEntries(
        Array.from({ length: 5 }, (_, index) => [
          `step-${index}.service`,
          [
            '[Unit]',
            `After=step-${index - 1}.service`,
            ...service('Type=oneshot', 'ExecStart=/bin/sleep 0.3'),
          ],
        ]),
      ),
    }),
  },
];

const withoutInit: Variant[] = [
  {
    name: 'entrypoint-notifies',
    recipe: plain({
      script: ['systemd-notify --ready', ...runsUntilAsked],
      test: { ready: { notify: true } },
    }),
  },
  {
    name: 'stopped-by-an-interrupt',
    recipe: plain({
      script: ['trap "exit 0" INT', 'sleep infinity & wait'],
      config: { stopSignal: 'SIGINT' },
    }),
  },
  { name: 'two-side-by-side', recipe: plain({ script: runsUntilAsked, test: { instances: 2 } }) },
  {
    name: 'says-much-and-ends',
    recipe: plain({
      script: [`yes "$(printf '%063d' 0)" | head -c 1M`, 'exit 0'],
      test: { ready: { exit: 0 } },
    }),
  },
  {
    name: 'deep-directories',
    recipe: plain({
      script: [endsWhenAsked, 'for n in {1..200}; do mkdir d && cd d || exit 1; done', ...runsUntilAsked],
      config: { workingDir: '/var/lib' },
    }),
  },
  {
    name: 'closes-its-output',
    recipe: plain({ script: ['exec >&- 2>&-', ...runsUntilAsked] }),
  },
  {
    name: 'listens-on-two-ports',
    recipe: plain({
      script: [`${listens(8080, web)} &`, `${listens(8081, web)} &`, ...runsUntilAsked],
      programs: { web: answers('200 OK') },
      test: { checks: [{ http }, { http: 'http://localhost:8081/' }] },
    }),
  },
];

export const soundServices = [...withInit, ...withoutInit];
