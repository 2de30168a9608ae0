/** The same images in each backend: what a boot finds of them does not depend on what isolates them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CauseCode, Verdict } from '../../../src/stages/boot/verdict.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { shareOfDay, soak } from '../../helpers/soak.ts';
import { entrypointOf } from './programs.ts';

/** runc has the variants of images as its own test; the others take turns. */
const backends = soak ? (['runc', 'crun', 'nspawn'] as const) : shareOfDay(['nspawn', 'crun'] as const, 2);

interface Case {
  /** Causes of its verdict; none if it passes. */
  causes: CauseCode[];
  /** Exit code of its first process. */
  exitCode?: number;
  /** Its program, as lines of a shell. */
  script?: string[];
  config?: object;
  files?: object[];
  test?: object;
}

const untilAsked = ['trap "exit 0" TERM', 'while :; do sleep 0.1; done'];
const soon = { timeout: '3s' };

const cases: Record<string, Case> = {
  sound: { causes: [], exitCode: 0, script: untilAsked },
  'other-user': {
    causes: [],
    exitCode: 0,
    script: [
      'test "$(busybox id -u):$(busybox id -g)" = 7:8 || exit 4',
      'test "$(pwd)" = /made/for/it || exit 5',
      ...untilAsked,
    ],
    config: { user: '7:8', workingDir: '/made/for/it' },
    test: {
      checks: [
        { exec: ['/bin/busybox', 'sh', '-c', 'test "$(busybox id -u):$(pwd):$HAT" = 7:/made/for/it:felt'] },
      ],
    },
  },
  'ends-well': { causes: [], exitCode: 0, script: ['exit 0'], test: { ready: { exit: 0 } } },
  'check-fails': {
    causes: ['check-failed'],
    exitCode: 0,
    script: untilAsked,
    test: { checks: [{ exec: ['/bin/false'], ...soon }] },
  },
  'check-without-a-program': {
    causes: ['check-failed'],
    exitCode: 0,
    script: untilAsked,
    test: { checks: [{ exec: ['/no/such/program'], ...soon }] },
  },
  exits: { causes: ['exited'], exitCode: 3, script: ['sleep 0.5', 'exit 3'] },
  'first-process-out-of-memory': {
    causes: ['out-of-memory'],
    exitCode: 137,
    script: ['exec tail </dev/zero'],
    test: { limits: { memory: '64M' } },
  },
  'no-program': { causes: ['start-failed'], config: { entrypoint: ['/no/such/program'] } },
  'no-program-in-path': { causes: ['start-failed'], config: { entrypoint: ['no-such-program'] } },
  'no-executable': { causes: ['start-failed'], config: { entrypoint: ['/etc/passwd'] } },
  'no-interpreter': {
    causes: ['exited'],
    config: { entrypoint: ['/interpreted'] },
    files: [{ path: '/interpreted', content: '#!/no/such/interpreter\n', mode: '0755' }],
  },
  'out-of-memory': {
    causes: ['out-of-memory'],
    script: ['head -c 200m /dev/zero | tail >/dev/null', ...untilAsked],
    test: { limits: { memory: '64M' } },
  },
  'too-many-processes': {
    causes: ['too-many-processes'],
    script: ['while :; do sleep 100 & done'],
    test: { limits: { pids: 32 } },
  },
  'fills-its-disk': {
    causes: ['disk-full'],
    script: ['head -c 1024m /dev/zero >/fill', ...untilAsked],
    test: { limits: { disk: '32M' } },
  },
  'does-not-stop': {
    causes: ['not-stopped'],
    script: ['exec sleep 1000'],
    test: { stop: { timeout: '1s' } },
  },
};

/** A third a day. */
const names = shareOfDay(Object.keys(cases), 3);

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  const serve = await entrypointOf('serve');
  const plan = {
    ready: { notify: true },
    checks: [{ tcp: 7 }],
    settle: '200ms',
    limits: { cpus: 0.5, memory: '64M', pids: 64 },
  };
  await desk.build(await desk.tiny('serves', ['tiny-base'], { ...serve, test: plan }));
  for (const name of names) {
    const { script, config, files, test: own } = cases[name]!;
    const program = { path: '/program', content: ['#!/bin/sh', ...(script ?? [])].join('\n'), mode: '0755' };
    await desk.build(
      await desk.tiny(name, ['tiny-base'], {
        files: [...(script ? [program] : []), ...(files ?? [])],
        config: { entrypoint: ['/program'], stopSignal: 'SIGTERM', env: { HAT: 'felt' }, ...config },
        test: { settle: '500ms', init: false, ...own },
      }),
    );
  }
});
afterAll(async () => {
  expect(await remains(desk)).toEqual([]);
  await desk.remove();
});

async function verdictOf(name: string, backend: string): Promise<Verdict> {
  const { code, stdout } = await desk.run(['boot', name, '--backend', backend, '--json']);
  const answer = JSON.parse(stdout) as Verdict & { error?: { code: string; details: Verdict } };
  expect(code, stdout).toBe(answer.error === undefined ? 0 : 11);
  return answer.error?.details ?? answer;
}

describe.each(backends)('in %s', (backend) => {
  test.each(names)('%s', async (name) => {
    const { causes, exitCode } = cases[name]!;
    const verdict = await verdictOf(name, backend);
    // An instance that has reached a limit may end before it is ended.
    expect(verdict.causes.map(({ code }) => code).slice(0, 1), JSON.stringify(verdict.causes)).toEqual(
      causes,
    );
    if (exitCode !== undefined) expect(verdict.instances[0]!.exitCode).toBe(exitCode);
    expect(verdict.host.runtime).toMatch(new RegExp(`^${backend} \\d`));
  });

  test('one that serves, within its limits', async () => {
    expect(await verdictOf('serves', backend)).toMatchObject({ passed: true, checks: [{ passed: true }] });
  });
});
