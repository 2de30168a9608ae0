/** An instance whose root is nobody outside: what the host sees of it, and what is left. */
import { randomBytes } from 'node:crypto';
import { cp, lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runDirectoryOf } from '../../../src/lib/container/run-directory.ts';
import { nspawnIsolator } from '../../../src/lib/container/nspawn/nspawn.ts';
import { ociIsolator } from '../../../src/lib/container/oci-isolator.ts';
import { mountShifted } from '../../../src/lib/container/shifted.ts';
import { guestIds } from '../../../src/lib/container/userns.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { lstatIfThere } from '../../../src/lib/host/files.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { ContainerInstance } from '../../../src/stages/boot/container-instance.ts';
import { groups } from '../../helpers/remains.ts';

let directory: string;
let id: string;
const at = (...names: string[]) => join(directory, ...names);

beforeEach(async () => {
  directory = await mkdtemp('/var/tmp/milliner-userns-');
  id = `milliner-userns-${randomBytes(6).toString('hex')}`;
  for (const name of ['bin', 'etc', 'dev', 'proc', 'sys', 'run'])
    await mkdir(at('tree', name), { recursive: true });
  const { stdout } = await run('sh', ['-c', 'command -v busybox']);
  await cp(stdout.trim(), at('tree/bin/busybox'));
  await writeFile(at('tree/etc/passwd'), 'root:x:0:0::/:\nhatter:x:7:7::/:\n');
  await mkdir(at('root'));
  await mountShifted({ type: 'bind', source: at('tree'), readonly: false }, at('root'), guestIds);
});
afterEach(async () => {
  await unmountAllBelow(directory, { detach: true });
  await rm(directory, { recursive: true });
});

const isolators = { runc: ociIsolator('runc'), nspawn: nspawnIsolator };
type Name = keyof typeof isolators;

/** Runs a script as the named user until it ends; `during` sees the host's number of its first process. */
async function instance(
  name: Name,
  user: string,
  script: string,
  during: (pid: number, lines: readonly string[]) => Promise<void>,
) {
  const lines: string[] = [];
  const container = { id, directory: at('work') };
  const isolator = isolators[name];
  const started = await ContainerInstance.start(
    {
      ...container,
      rootfs: at('root'),
      ids: guestIds,
      image: {
        env: {},
        exposedPorts: [],
        volumes: [],
        labels: {},
        user,
        entrypoint: ['/bin/busybox', 'sh', '-c', script],
      },
      init: true,
      hostname: 'userns',
      limits: { memory: 64 << 20, pids: 64, disk: 1 << 30 },
      onLine: (line) => lines.push(line),
    },
    isolator,
  );
  try {
    const pid = await isolator.pid(container);
    if (pid !== undefined) await during(pid, lines);
    await started.stop(100);
  } finally {
    await started.remove();
  }
  return lines;
}

describe.each(Object.keys(isolators) as Name[])('in %s', (name) => {
  test.each([
    ['root', 0],
    ['hatter', 7],
  ])('%s is %i inside, and beyond all users of the host outside', async (user, uid) => {
    let seen = '';
    const lines = await instance(name, user, 'busybox id -u; busybox sleep 1000', async (pid) => {
      seen = await readFile(`/proc/${pid}/status`, 'utf8');
    });
    expect(lines[0]).toBe(String(uid));
    expect(/^Uid:\s+(\d+)/m.exec(seen)?.[1]).toBe(String(2 ** 31 + uid));
    expect(/^Gid:\s+(\d+)/m.exec(seen)?.[1]).toBe(String(2 ** 31 + uid));
  });

  test("what it writes is its own root's in the tree; its control group is its own", async () => {
    const script = [
      'echo made >/made',
      'busybox mkdir /sys/fs/cgroup/inner && echo delegated',
      'busybox ls -ln / | busybox grep made',
      'busybox mknod /disk b 254 0 || echo refused',
      'echo 0 >/proc/sys/kernel/panic || echo kept',
      'echo said all',
      'busybox sleep 1000',
    ].join('; ');
    const lines = await instance(name, 'root', script, async (pid, said) => {
      // Fails once its first process has ended.
      while (!said.includes('said all')) await Promise.all([lstat(`/proc/${pid}`), sleep(20)]);
    });
    expect(lines).toContain('delegated');
    expect(lines).toContain('refused');
    expect(lines).toContain('kept');
    expect(lines.filter((line) => line.endsWith(' made'))[0]).toMatch(/^-\S+ +1 0 +0 /);
    const { uid, gid } = await lstat(at('tree/made'));
    expect([uid, gid]).toEqual([0, 0]);
    expect(await lstatIfThere(at('tree/disk'))).toBeUndefined();
  });

  test('nothing of it is left in the places of containers', async () => {
    await instance(name, 'root', 'busybox sleep 1000', async () => {
      const { uid, gid, mode } = await lstat(runDirectoryOf(id));
      expect([uid, gid, mode & 0o777]).toEqual([0, 2 ** 31, 0o710]);
    });
    expect(await lstatIfThere(runDirectoryOf(id))).toBeUndefined();
    expect(await groups(id)).toEqual([]);
  });
});
