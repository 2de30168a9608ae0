/** Images that mean harm when they run: what they try is asserted from the host, how the boot ends by its causes. */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { checkout, Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { entrypointOf } from './programs.ts';

let desk: Desk;
let server: Server;
beforeAll(async () => {
  desk = await Desk.open();
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  expect(await remains(desk)).toEqual([]);
});
afterAll(async () => {
  server.close();
  await desk.remove();
});

async function build(name: string, fields: Record<string, unknown>): Promise<void> {
  await desk.build(await desk.tiny(name, ['tiny-base'], fields));
}

async function rejected(name: string): Promise<Verdict> {
  const { code, exit, details } = await desk.fails(['boot', name]);
  expect({ code, exit }).toEqual({ code: 'BOOT_FAILED', exit: 11 });
  return details as unknown as Verdict;
}

const codes = ({ causes }: Verdict) => causes.map(({ code }) => code);

/** The disk that the host's files lie on, as makedev(3) took it together. */
function rootDevice() {
  const { dev } = statSync('/');
  return { major: (dev >> 8) & 0xfff, minor: (dev & 0xff) | ((dev >> 12) & 0xfff00) };
}

async function hostFacts(): Promise<unknown[]> {
  const files = [
    '/proc/sys/kernel/core_pattern',
    '/proc/sys/kernel/hostname',
    '/proc/sys/net/ipv4/ip_forward',
  ];
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  return [...texts, (await readFile('/proc/keys', 'utf8')).includes('milliner-breakout')];
}

describe('a program that tries what root could do', () => {
  beforeAll(async () => {
    const { major, minor } = rootDevice();
    const { port } = server.address() as { port: number };
    const texts = { CHECKOUT: checkout, STATE: desk.state };
    const numbers = { ROOT_MAJOR: major, ROOT_MINOR: minor, HOST_PID: process.pid, HOST_PORT: port };
    const flags = [
      ...Object.entries(texts).map(([name, text]) => `-D${name}="${text}"`),
      ...Object.entries(numbers).map(([name, number]) => `-D${name}=${number}`),
    ];
    const program = await entrypointOf('breakout', flags);
    const plan = { settle: '2s', limits: { memory: '256M' } };
    await build('breakout', { ...program, test: plan });
    await build('breakout-init', { ...program, test: { ...plan, init: true, ready: { timeout: '3s' } } });
  });

  function attempts({ instances: [instance] }: Verdict): string[] {
    expect(instance!.log.at(-1)).toBe('over');
    const found = instance!.log.filter((line) => line.startsWith('attempt: '));
    expect(found.length).toBeGreaterThan(60);
    return found;
  }

  test('finds every way shut, and does no harm to itself', async () => {
    const before = await hostFacts();
    const verdict = await desk.json<Verdict>(['boot', 'breakout']);
    expect(attempts(verdict).filter((line) => line.endsWith(' ok'))).toEqual([]);
    expect(await hostFacts()).toEqual(before);
    expect(verdict.peakMemory).toBeLessThan(256 * 1024 * 1024);
  });

  test('finds them shut where it is the init too, but for its own control group', async () => {
    const before = await hostFacts();
    const verdict = await rejected('breakout-init');
    expect(codes(verdict)).toContain('not-ready');
    const open = attempts(verdict).filter((line) => line.endsWith(' ok'));
    expect(open).toEqual(['attempt: open /sys/fs/cgroup/cgroup.procs ok']);
    expect(await hostFacts()).toEqual(before);
  });
});

test('notifications without end keep nobody from anything', async () => {
  const plan = { ready: { notify: true }, settle: '500ms', checks: [{ exec: ['true'] }] };
  await build('flood', { ...(await entrypointOf('flood')), test: plan });
  const verdict = await desk.json<Verdict>(['boot', 'flood']);
  expect(verdict).toMatchObject({ passed: true, instances: [{ exitCode: 0 }] });
});

interface Behaviour {
  what: string;
  systemctl: string;
  journalctl?: string;
  codes?: string[];
}

const active = String.raw`printf 'Id=a.service\nLoadState=loaded\nActiveState=active\n'`;
const atFirst = (first: string, then: string) =>
  `if mkdir /asked 2>/dev/null; then ${first}; else ${then}; fi`;
const many = String.raw`i=0; while [ $i -lt 3000 ]; do printf 'Id=%d.service\nActiveState=failed\n\n' $i; i=$((i+1)); done`;

const behaviours: Behaviour[] = [
  { what: 'answers garbage', systemctl: 'cat /bin/busybox' },
  { what: 'says nothing', systemctl: 'exit 0' },
  { what: 'fails', systemctl: `${active}; exit 1` },
  { what: 'answers without end', systemctl: 'exec yes Id=a.service' },
  { what: 'answers in one line without end', systemctl: 'exec cat /dev/zero' },
  {
    what: 'answers without end, and is not to be stopped',
    systemctl: `trap '' TERM INT PIPE; while :; do echo Id=a; done`,
  },
  { what: 'never ends', systemctl: `trap '' TERM INT HUP; while :; do sleep 1000; done` },
  { what: 'leaves a program that holds its output', systemctl: `trap '' TERM HUP; sleep 1000 & exit 0` },
  { what: 'names another unit', systemctl: String.raw`printf 'Id=b.service\nActiveState=inactive\n'` },
  { what: 'is in order once, and then silent', systemctl: atFirst(active, 'exit 1') },
  { what: 'is in order once, and then never ends', systemctl: atFirst(active, 'sleep 1000') },
  {
    what: 'names thousands of failed units, whose words never come',
    systemctl: `${active}; echo; ${many}`,
    journalctl: 'exec sleep 1000',
    codes: ['unit-failed'],
  },
  {
    what: 'knows a time that is not yet, beside a journal without end',
    systemctl: `${active}; echo ActiveEnterTimestampMonotonic=999999999999999999`,
    journalctl: `exec yes '{"MESSAGE":"torn"}'`,
    codes: [],
  },
];

describe('a systemctl of its own that', () => {
  let verdict: Verdict;
  /** Each instance is one of them: it knows which by its name. */
  beforeAll(async () => {
    const program = (path: string, of: (one: Behaviour) => string) => {
      const cases = behaviours.map((one, index) => `all-${index + 1}) ${of(one)} ;;`);
      const lines = ['#!/bin/sh', 'case $(cat /etc/hostname) in', ...cases, 'esac', ''];
      return { path, content: lines.join('\n'), mode: '0755' };
    };
    await build('all', {
      files: [
        program('/usr/bin/systemctl', ({ systemctl }) => systemctl),
        program('/usr/bin/journalctl', ({ journalctl }) => journalctl ?? 'exit 0'),
      ],
      config: {
        entrypoint: ['/bin/sh', '-c', `trap 'exit 0' TERM INT; while :; do sleep 0.1; done`],
        stopSignal: 'SIGTERM',
      },
      test: {
        init: true,
        ready: { unit: 'a.service', timeout: '5s' },
        settle: '0s',
        limits: { cpus: 0.3, memory: '64M' },
        instances: behaviours.length,
      },
    });
    verdict = await rejected('all');
  });

  test.each(behaviours)('$what', ({ what, codes: expected = ['not-ready'] }) => {
    const number = behaviours.findIndex((one) => one.what === what) + 1;
    const { causes } = verdict;
    const mine = causes.filter(({ instance }) => instance === number).map(({ code }) => code);
    expect([...new Set(mine)]).toEqual(expected);
    if (expected[0] === 'not-ready') expect(mine).toHaveLength(1);
    const report = verdict.instances[number - 1]!;
    expect(report.readySeconds ?? 0).toBeLessThan(1000);
    expect(report.journalErrors.length).toBeLessThanOrEqual(200);
    expect(JSON.stringify(report).length).toBeLessThan(100_000);
  });

  test('has its causes told within bounds', () => {
    const failed = verdict.instances.map(({ failedUnits }) => failedUnits.length);
    expect(Math.max(...failed)).toBe(3000);
    expect(verdict.instances[11]!.journalProblem).toBeDefined();
    expect(JSON.stringify(verdict.causes).length).toBeLessThan(1_000_000);
  });
});
