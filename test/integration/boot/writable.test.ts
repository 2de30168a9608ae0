/**
 * Whatever an instance can write to is counted: its tree, which is bounded, or memory, which is limited. It looks for
 * itself, at every mount that it has, and tries.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
});
afterEach(async () => {
  expect(await remains(desk)).toEqual([]);
});
afterAll(() => desk.remove());

/** Tries to write 4 MiB to every mount that may be written to. One line for each: mount: TARGET TYPE BYTES */
const program = `
while read -r id parent device root target options rest; do
  case $options in rw*) ;; *) continue;; esac
  type=\${rest#*- }
  place=$target
  [ -d $target ] && place=\${target%/}/fill
  bytes=0
  if [ -d $target ] || [ -f $target ]; then
    head -c 4194304 /dev/zero >>$place && bytes=$(wc -c <$place) || bytes=$(wc -c <$place || echo 0)
    [ -d $target ] && rm -f $place
  fi
  echo "mount: $target \${type%% *} $bytes"
done </proc/self/mountinfo 2>/dev/null
echo over
exec sleep 1000`;

/** What lies in the kernel's memory, most of it nothing that can be filled; tmpfs is the instance's own memory. */
const inMemory = ['tmpfs', 'devtmpfs', 'proc', 'sysfs', 'devpts', 'mqueue', 'cgroup', 'cgroup2'];

test.each([false, true])('with systemd in mind: %s', async (init) => {
  const limits = { disk: '64M', memory: '128M' };
  const plan = { init, limits, settle: '2s', ...(init && { ready: { timeout: '5s' } }) };
  const name = `mounts-${init}`;
  const config = { cmd: ['/bin/sh', '-c', program], stopSignal: 'SIGKILL' };
  await desk.build(await desk.tiny(name, ['tiny-base'], { config, test: plan }));
  const ended = await desk.run(['boot', name, '--json']);
  const answer = JSON.parse(ended.stdout) as Verdict & { error?: { details: Verdict } };
  const { log } = (answer.error?.details ?? answer).instances[0]!;
  expect(log.at(-1)).toBe('over');
  const mounts = log.filter((line) => line.startsWith('mount: ')).map((line) => line.split(' ').slice(1));
  const names = mounts.map(([target]) => target);
  expect(names).toEqual(expect.arrayContaining(['/', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf']));
  expect(mounts.filter(([, type]) => !inMemory.includes(type!)).map(([target]) => target)).toEqual(['/']);
  for (const one of ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/dev'])
    expect(Number(mounts.find(([target]) => target === one)![2])).toBeLessThanOrEqual(65_536);
});
