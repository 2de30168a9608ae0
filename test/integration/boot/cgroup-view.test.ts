import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeGroups, unifiedHierarchy } from '../../../src/lib/container/cgroups.ts';
import { cgroupMount } from '../../../src/stages/boot/cgroup-view.ts';

let id: string;
let unified: Awaited<ReturnType<typeof unifiedHierarchy>>;
beforeEach(async () => {
  id = `milliner-test-${randomBytes(8).toString('hex')}`;
  unified = await unifiedHierarchy();
});
afterEach(() => removeGroups(id));

/** What this host has decides which of the two ways is taken; no way shows more than the container's own group. */
test.each([undefined, 230, 252, 255, 256, 258])(
  'systemd %s is shown version 2 where there is one',
  async (systemd) => {
    if (!unified && (systemd === undefined || systemd >= 256)) {
      await expect(cgroupMount(id, systemd)).rejects.toMatchObject({ code: 'HOST_MISSING' });
      return;
    }
    const mount = await cgroupMount(id, systemd);
    expect(mount.destination).toBe('/sys/fs/cgroup');
    expect(mount.options).toEqual(expect.arrayContaining(['rw', 'nosuid', 'nodev', 'noexec']));
    const isHybrid = unified && !unified.controls;
    expect(mount.type).toBe(isHybrid ? 'bind' : 'cgroup');
    if (!isHybrid) return;
    expect(mount.source).toBe(`${unified!.target}/${id}/instance`);
    expect(existsSync(`${mount.source}/cgroup.procs`)).toBe(true);
  },
);

test('one that is too old for version 2 is shown version 1, or refused', async () => {
  const asked = cgroupMount(id, 219);
  if (unified?.controls) await expect(asked).rejects.toMatchObject({ code: 'HOST_MISSING' });
  else expect(await asked).toMatchObject({ type: 'cgroup', destination: '/sys/fs/cgroup' });
});
