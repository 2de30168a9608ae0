/** The same image in a container and in a virtual machine: the verdicts differ in their host and in times alone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { shareOfDay } from '../../helpers/soak.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
});
afterAll(() => desk.remove());

const stays = 'trap "exit 0" TERM; while :; do sleep 0.2; done';
const limits = { memory: '48M', disk: '24M', pids: 32 };
const soon = { timeout: '4s' };

interface Sample {
  name: string;
  script: string;
  plan?: Record<string, unknown>;
  entrypoint?: string[];
  causes: string[];
}

const samples: Sample[] = [
  {
    name: 'passes',
    script: `echo begun; echo words >&2; test "$(busybox id -u)" = 0 && ${stays}`,
    plan: { checks: [{ exec: ['cat', '/etc/passwd'] }] },
    causes: [],
  },
  { name: 'ends-as-expected', script: 'exit 5', plan: { ready: { exit: 5 } }, causes: [] },
  {
    name: 'ends',
    script: 'echo last words; sleep 1; exit 3',
    plan: { settle: '20s' },
    causes: ['exited'],
  },
  {
    name: 'check-fails',
    script: stays,
    plan: {
      checks: [
        { exec: ['sh', '-c', 'echo no felt >&2; exit 4'], ...soon },
        { tcp: 80, ...soon },
      ],
    },
    causes: ['check-failed'],
  },
  { name: 'never-ready', script: stays, plan: { ready: { notify: true, ...soon } }, causes: ['not-ready'] },
  {
    name: 'takes-memory',
    script: 'busybox tail /dev/zero; sleep 1000',
    plan: { settle: '20s' },
    causes: ['out-of-memory'],
  },
  {
    name: 'forks',
    script: '(while :; do sleep 1000 & done) 2>/dev/null; exec sleep 1000',
    plan: { settle: '20s' },
    causes: ['too-many-processes'],
  },
  {
    name: 'fills-disk',
    script: 'dd if=/dev/zero of=/fill bs=1M 2>/dev/null; sleep 1000',
    plan: { settle: '20s' },
    causes: ['disk-full'],
  },
  { name: 'does-not-stop', script: 'trap "" TERM; while :; do sleep 1; done', causes: ['not-stopped'] },
  { name: 'is-missing', script: '', entrypoint: ['/no/such/program'], causes: ['start-failed'] },
];

/** What does not depend on how fast it was, or on the words of the kernel. */
function compared({ passed, causes, checks, failedUnits, instances }: Verdict) {
  return {
    passed,
    failedUnits,
    causes: causes.map(({ code, instance }) => ({ code, instance })),
    checks: checks.map(({ check, passed: good, problem }) => ({ check, good, problem })),
    instances: instances.map(({ exitCode, oomKills, log, readySeconds }) => ({
      exitCode,
      oomKills,
      // A runtime says there why it cannot start the program.
      log: causes.some(({ code }) => code === 'start-failed') ? [] : log.toSorted(),
      wasReady: readySeconds !== undefined,
    })),
  };
}

async function bootIn(backend: string, name: string): Promise<Verdict> {
  const { code, stdout, stderr } = await desk.run(['boot', name, '--backend', backend, '--json']);
  const answer = JSON.parse(stdout) as Verdict & { error?: { code: string; details: Verdict } };
  if (code === 0) return answer;
  expect(answer.error?.code, stderr + stdout).toBe('BOOT_FAILED');
  return answer.error!.details;
}

test.each(shareOfDay(samples, 10))('$name', async ({ name, script, plan, entrypoint, causes }) => {
  const config = { entrypoint: entrypoint ?? ['/bin/sh', '-c', script], stopSignal: 'SIGTERM' };
  const own = { limits, settle: '1s', stop: { timeout: '3s' }, ...plan };
  await desk.build(await desk.tiny(name, ['tiny-base'], { config, test: own }));
  const container = await bootIn('runc', name);
  const machine = await bootIn('machine', name);
  expect(compared(machine)).toEqual(compared(container));
  expect(machine.causes.map(({ code }) => code)).toEqual(causes);
  expect(machine.host.runtime).toMatch(/^qemu \S+ \(tcg\)/);
  expect(await remains(desk)).toEqual([]);
});
