/**
 * Whoever tries to fill the disk ends by a code of its own, and the file system of the state is never filled past its
 * reserve: it has one of its own here, and what is left on it is looked at all the time.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeDisk } from '../../src/host/disk.ts';
import { unmountAllBelow } from '../../src/host/mounts.ts';
import { spareBytes } from '../../src/host/reserve.ts';
import type { Verdict } from '../../src/boot/verdict.ts';
import { Desk } from './milliner.ts';
import { leftovers } from './traces.ts';

const MiB = 1024 * 1024;

let desk: Desk;
let least: number;
let over: AbortController;
let watching: Promise<void>;
beforeEach(async () => {
  desk = await Desk.open();
  await mkdir(desk.state);
  await makeDisk({ file: desk.path('state.ext4'), place: desk.state }, 768 * MiB);
  least = Infinity;
  over = new AbortController();
  watching = watch(over.signal);
});
afterEach(async () => {
  over.abort();
  await watching;
  const left = await leftovers(desk.directory);
  await unmountAllBelow(desk.state, { detach: false });
  await desk.remove();
  // The state's own file system is no mount that stayed.
  expect(left.filter((line) => !line.includes(` ${desk.state} `))).toEqual([]);
});

async function watch(end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    least = Math.min(least, await spareBytes(desk.state));
    await sleep(10);
  }
}

/** What any build or boot of these needs itself. */
const isNeverFull = () => expect(least).toBeGreaterThan(128 * MiB);

describe('an installation', () => {
  test.each([
    ['fills-the-disk', '%post'],
    ['fills-by-descriptor', '%post'],
    ['fills-with-files', '%post'],
    ['fills-at-the-end', '%posttrans'],
  ])('%s: ends by the limit, and by the scriptlet that ran', async (name, scriptlet) => {
    const install = { disk: '48M' };
    const error = await desk.fails(['build', await desk.tiny('full', ['tiny-base', name], { install })]);
    const details = { package: `${name}-1-1.x86_64`, scriptlet, mostBytes: 48 * MiB };
    expect(error).toMatchObject({ code: 'INSTALL_DISK_FULL', exit: 7, details });
    isNeverFull();
  });

  test.each(['fills-in-lua', 'large-payload'])('%s: ends by the limit too', async (name) => {
    const install = { disk: '48M' };
    const error = await desk.fails(['build', await desk.tiny('full', ['tiny-base', name], { install })]);
    const details = { mostBytes: 48 * MiB };
    expect(error).toMatchObject({ code: 'INSTALL_DISK_FULL', exit: 7, details });
    expect(error.message).toContain(name === 'large-payload' ? name : 'no scriptlet');
    isNeverFull();
  });

  test('where the host has less than the recipe allows, it is the host that is full', async () => {
    const error = await desk.fails(['build', await desk.tiny('full', ['tiny-base', 'fills-the-disk'])]);
    expect(error).toMatchObject({ code: 'DISK_FULL', exit: 9 });
    expect(least).toBeGreaterThan(0);
  });

  test('what is no part of the image is bounded as well', async () => {
    const install = { disk: '48M' };
    await desk.build(await desk.tiny('places', ['tiny-base', 'fills-other-places'], { install }));
    isNeverFull();
  });
});

describe('an instance', () => {
  const shell = (text: string) => ({ config: { cmd: ['/bin/sh', '-c', text], stopSignal: 'SIGKILL' } });
  const test48 = { limits: { disk: '48M', memory: '64M' }, settle: '3s' };

  test.each([
    ['one file', 'cat /dev/zero >/fill; sleep 60'],
    ['a file without a name', 'exec 3>/fill; rm /fill; cat /dev/zero >&3; sleep 60'],
    ['files without content', 'cd /srv; i=0; while mkdir -p $i/a/b/c/d; do i=$((i+1)); done; sleep 60'],
    ['and ends at once', 'cat /dev/zero >/fill'],
  ])('that fills its tree with %s', async (_, text) => {
    await desk.build(
      await desk.tiny('filler', ['tiny-base'], {
        directories: [{ path: '/srv' }],
        ...shell(text),
        test: test48,
      }),
    );
    const { code, details } = await desk.fails(['boot', 'filler']);
    expect(code).toBe('BOOT_FAILED');
    expect((details as unknown as Verdict).causes.map((cause) => cause.code)).toContain('disk-full');
    isNeverFull();
  });
});

test('blobs that would take the last of it are refused, and what is left is enough to say so', async () => {
  const recipe = await desk.tiny('small', ['tiny-base']);
  await desk.build(recipe);
  const spare = await spareBytes(desk.state);
  await writeFile(desk.path('state', 'filler'), Buffer.alloc(spare - 3 * MiB, 1));
  const again = await desk.tiny('other', ['tiny-base', 'tiny-app']);
  expect(await desk.fails(['build', again])).toMatchObject({ code: 'DISK_FULL', exit: 9 });
  expect(least).toBeGreaterThanOrEqual(0);
});
