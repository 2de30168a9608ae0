/** Trees that no build makes, but that an image may have: what is mounted or looked up in them stays inside. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { Isolator } from '../../../src/lib/container/isolator.ts';
import { nspawnIsolator } from '../../../src/lib/container/nspawn/nspawn.ts';
import { mountShifted } from '../../../src/lib/container/shifted.ts';
import { guestIds, type IdRange } from '../../../src/lib/container/userns.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { ociIsolator } from '../../../src/lib/container/oci-isolator.ts';
import { ContainerInstance } from '../../../src/stages/boot/container-instance.ts';
import { StartError } from '../../../src/stages/boot/instance.ts';
import { groups } from '../../helpers/remains.ts';

let directory: string;
let rootfs: string;
let outside: string;
let id: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-tree-'));
  id = `milliner-tree-${randomBytes(8).toString('hex')}`;
  rootfs = join(directory, 'rootfs');
  outside = join(directory, 'outside');
  for (const name of ['bin', 'etc', 'dev', 'proc', 'sys', 'run']) {
    await mkdir(join(rootfs, name), { recursive: true });
  }
  const { stdout } = await run('sh', ['-c', 'command -v busybox']);
  await cp(stdout.trim(), join(rootfs, 'bin/busybox'));
  await writeFile(join(rootfs, 'etc/passwd'), 'root:x:0:0::/:\nhatter:x:7:7::/:\n');
  await mkdir(outside);
  await writeFile(join(outside, 'passwd'), 'secret:x:4242:4242::/:\n');
  await writeFile(join(outside, 'hosts'), 'host\n');
});
afterEach(async () => {
  expect((await readdir(outside)).toSorted()).toEqual(['hosts', 'passwd']);
  expect(await readFile(join(outside, 'hosts'), 'utf8')).toBe('host\n');
  expect(await groups(id)).toEqual([]);
  await rm(directory, { recursive: true });
});

const isolators: Record<'runc' | 'nspawn', { isolator: Isolator; ids?: IdRange }> = {
  runc: { isolator: ociIsolator('runc') },
  nspawn: { isolator: nspawnIsolator, ids: guestIds },
};
type Name = keyof typeof isolators;

/** What the instance says of itself, or why it does not start. */
async function outcome(name: Name, { user = 'hatter', init = false } = {}): Promise<string> {
  const lines: string[] = [];
  const script = 'busybox id -u; busybox cat /etc/hosts; busybox ls -d /dev/null';
  const image = { env: {}, exposedPorts: [], volumes: [], labels: {}, user };
  const work = await mkdtemp(join(directory, 'work-'));
  const { isolator, ids } = isolators[name];
  const shown = ids ? join(work, 'root') : rootfs;
  if (ids) {
    await mkdir(shown);
    await mountShifted({ type: 'bind', source: rootfs, readonly: false }, shown, ids);
  }
  try {
    const instance = await ContainerInstance.start(
      {
        id,
        directory: join(work, 'instance'),
        rootfs: shown,
        ids,
        image: { ...image, entrypoint: ['/bin/busybox', 'sh', '-c', script] },
        init,
        hostname: 'tree',
        limits: { memory: 64 << 20, pids: 64, disk: 1 << 30 },
        onLine: (line) => lines.push(line),
      },
      isolator,
    );
    await instance.ended;
    await instance.remove();
    return lines.join('\n');
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return 'not started';
  } finally {
    await unmountAllBelow(work, { detach: true });
  }
}

const sound = '7\n127.0.0.1 localhost tree\n::1 localhost ip6-localhost tree\n/dev/null';

async function replace(path: string, make: (place: string) => Promise<unknown>): Promise<void> {
  await rm(join(rootfs, path), { recursive: true, force: true });
  await make(join(rootfs, path));
}

describe.each(Object.keys(isolators) as Name[])('in %s', (name) => {
  test('one that is in order', async () => {
    expect(await outcome(name)).toBe(sound);
  });

  test('one that lacks every place for a mount gets them', async () => {
    for (const place of ['dev', 'proc', 'sys', 'run']) await rm(join(rootfs, place), { recursive: true });
    expect(await outcome(name)).toBe(sound);
  });

  test.each([
    ['a FIFO', (place: string) => run('mkfifo', [place])],
    ['a link', (place: string) => symlink(join(outside, 'passwd'), place)],
    ['a link that climbs', (place: string) => symlink(`../../../../../../../..${outside}/passwd`, place)],
    ['a disk', (place: string) => run('mknod', [place, 'b', '8', '0'])],
    ['a directory', (place: string) => mkdir(place)],
  ])('%s in the place of the user database', async (_what, make) => {
    await replace('etc/passwd', make);
    expect(await outcome(name, { user: 'secret' })).toBe('not started');
  });

  test.each(['dev', 'proc', 'sys'])('a link in the place of /%s is refused', async (place) => {
    for (const target of [outside, `../../../../../../../..${outside}`, '/etc', '.']) {
      await replace(place, (path) => symlink(target, path));
      expect(await outcome(name)).toBe('not started');
    }
  });

  test.each([false, true])('links in the place of others lead nowhere (init %s)', async (init) => {
    for (const path of ['etc', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'run', 'tmp', 'var']) {
      for (const target of [outside, join(outside, 'hosts'), `../../../../../../../..${outside}`]) {
        await replace(path, (place) => symlink(target, place));
        // Whether it starts is the runtime's affair; where it does, it stays inside of its own tree.
        const found = await outcome(name, { user: '7', init });
        if (found !== 'not started') expect(found).toBe(sound);
        await rm(join(rootfs, path));
        if (path === 'etc') await mkdir(join(rootfs, path));
      }
    }
  });

  test('a FIFO or a device in the place of a file that is mounted over', async () => {
    await replace('etc/hosts', (place) => run('mkfifo', [place]));
    await replace('etc/resolv.conf', (place) => run('mknod', [place, 'b', '8', '0']));
    expect(['not started', sound]).toContain(await outcome(name));
  });
});
