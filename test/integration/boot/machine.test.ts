/** Instances in a virtual machine, without hardware virtualisation: what they do, and what is left. */
import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { groups } from '../../helpers/remains.ts';
import { startGuest, type BusyboxGuest } from './guest.ts';

const timeout = 60_000;

describe('an instance that serves', () => {
  let guest: BusyboxGuest;
  const answer = String.raw`while read -r line && [ ${'${#line}'} -gt 1 ]; do :; done; printf "HTTP/1.1 204 None\r\n\r\n"`;
  const script = [
    'busybox id -u',
    'echo error >&2',
    'trap "exit 7" TERM',
    `busybox nc -ll -p 80 -e /bin/busybox sh -c '${answer}' &`,
    'while :; do busybox sleep 1; done',
  ].join('\n');
  const shell = (line: string) => guest.instance.exec(['busybox', 'sh', '-c', line], { timeout });
  beforeAll(async () => {
    guest = await startGuest({ script });
  });
  afterAll(async () => {
    await guest.remove();
    expect(await groups(guest.id)).toEqual([]);
  });

  test('its program has the names, rights and limits of a container', async () => {
    await expect.poll(() => guest.lines.toSorted(), { timeout }).toEqual(['0', 'error']);
    const looks = [
      'busybox hostname',
      'echo $COLOUR',
      'busybox grep CapEff /proc/self/status',
      'echo /sys/class/net/*',
    ];
    const { stdout } = await shell(looks.join('; '));
    expect(stdout).toBe('guest-1\ngreen\nCapEff:\t00000000800405fb\n/sys/class/net/lo\n');
  });

  test('programs beside it end as they do', async () => {
    const ended = await Promise.all([
      shell('exit 0'),
      shell('exit 3'),
      shell('kill -KILL $$'),
      guest.instance.exec(['no-such-program'], { timeout }),
      guest.instance.exec(['busybox', 'sleep', '1000'], { timeout: 500 }),
    ]);
    expect(ended.map(({ exitCode, timedOut }) => [exitCode, timedOut])).toEqual([
      [0, false],
      [3, false],
      [137, false],
      [255, false],
      [137, true],
    ]);
  });

  test('what a program writes arrives whole', async () => {
    const { stdout, stderr } = await shell('busybox seq 1 200000; echo end >&2');
    const wanted = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('');
    expect(createHash('sha256').update(stdout).digest()).toEqual(
      createHash('sha256').update(wanted).digest(),
    );
    expect(stderr).toBe('end\n');
  });

  test('its ports are reached', async () => {
    const { network } = guest.instance;
    expect(await network!.tcp(80, timeout)).toBeUndefined();
    expect(await network!.tcp(81, timeout)).toBe('ECONNREFUSED');
    expect(await network!.http('http://localhost/', 204, timeout)).toBeUndefined();
    expect(await network!.http('http://localhost/', 200, timeout)).toContain('204');
    // The image has no program that could be asked.
    const ports = await network!.listening();
    expect(ports!.map(({ protocol, port }) => `${protocol} ${port}`)).toEqual(['tcp 80']);
  });

  test('it ends as its program does when it is asked to', async () => {
    expect(await guest.instance.stop(timeout)).toBe(true);
    expect(await guest.instance.ended).toMatchObject({ exitCode: 7, group: { oomKills: 0, pidsRefused: 0 } });
  });
});

test('limits of memory, processes and disk hold, and the guest tells which was reached', async () => {
  const guest = await startGuest({ script: 'busybox sleep 1000', limits: { memory: 32 << 20, pids: 20 } });
  const { instance } = guest;
  const shell = (line: string) => instance.exec(['busybox', 'sh', '-c', line], { timeout });
  try {
    expect(await instance.group()).toMatchObject({ oomKills: 0, pidsRefused: 0, memoryLimit: 32 << 20 });
    const full = await instance.space!();
    expect(full.bytes).toBeGreaterThan(31 << 20);
    expect((await shell('busybox dd if=/dev/zero of=/big bs=1M count=31')).exitCode).toBe(0);
    expect((await shell('busybox dd if=/dev/zero of=/more bs=1M count=4')).exitCode).toBe(1);
    expect((await shell('busybox tail /dev/zero')).exitCode).toBe(137);
    await shell(
      'for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do busybox sleep 5 & done',
    );
    const { oomKills, pidsRefused, memoryPeak } = await instance.group();
    expect([oomKills, pidsRefused! > 0, memoryPeak! > 30 << 20]).toEqual([1, true, true]);
    expect((await instance.space!()).bytes).toBeLessThanOrEqual(0);
    // The first process has no handler for its signal.
    expect(await instance.stop(500)).toBe(false);
    expect(await instance.ended).toMatchObject({ exitCode: 137, group: { oomKills: 1 } });
  } finally {
    await guest.remove();
  }
});

test('swap is beside the memory, and ends too', async () => {
  const script = [
    'busybox dd if=/dev/zero of=/dev/null bs=48M count=1 2>/dev/null; echo $?',
    'busybox tail /dev/zero; echo $?',
    'busybox sleep 1000',
  ].join('\n');
  const guest = await startGuest({ script, limits: { memory: 32 << 20, swap: 48 << 20 } });
  try {
    await expect
      .poll(() => guest.lines.filter((line) => /^\d+$/.test(line)), { timeout })
      .toEqual(['0', '137']);
    const { oomKills, cpuSeconds, readBytes } = await guest.instance.group();
    expect([oomKills, cpuSeconds! > 0, readBytes! > 0]).toEqual([1, true, true]);
  } finally {
    await guest.remove();
  }
});

test('what cannot be started is the fault of the image; nothing is left', async () => {
  await expect(startGuest({ script: 'true', user: 'nobody-here' })).rejects.toThrow('nobody-here');
});

test('an ordinary user; a machine that ends at once', async () => {
  const guest = await startGuest({ script: 'busybox id -u; echo >/x || exit 5', user: 'hatter' });
  try {
    expect(await guest.instance.ended).toMatchObject({ exitCode: 5 });
    expect(guest.lines[0]).toBe('7');
  } finally {
    await guest.remove();
  }
});
