/**
 * The cgroup hierarchy that an image's systemd sees. Since 256 systemd refuses version 1 by default, and 258 has no
 * support for it; before 230 it does not know version 2. On a hybrid host the unified hierarchy has no controllers:
 * systemd uses a group there for its own book-keeping, and the limits are set from outside in version 1.
 */
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hierarchyOf, unifiedHierarchy } from '../../lib/container/cgroups.ts';
import type { OciMount } from '../../lib/container/oci-config.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';

const firstWithVersion2 = 230;
const firstWithoutVersion1 = 256;

/** The instance's group is inside another one, whose limits it cannot change. */
export const groupOf = (id: string): string => `${id}/instance`;

const maxGroups = 4096;
const maxDepth = 32;

/**
 * The mount at /sys/fs/cgroup for a container with its own cgroup namespace.
 * @param ids whose root the group is delegated to
 */
export async function cgroupMount(id: string, systemd: number | undefined, ids?: IdRange): Promise<OciMount> {
  const unified = await unifiedHierarchy();
  const knows2 = systemd === undefined || systemd >= firstWithVersion2;
  const needs2 = systemd === undefined || systemd >= firstWithoutVersion1;
  if (!knows2 && unified?.controls) throw refused(systemd, 'version 1', 'has version 2 alone');
  if (needs2 && !unified) throw refused(systemd, 'version 2', 'has version 1 alone');
  const options = ['rw', 'nosuid', 'nodev', 'noexec'];
  const destination = '/sys/fs/cgroup';
  const source = unified && (await makeBoundedGroup(unified.target, id));
  if (source && ids) await delegate(source, ids);
  // The runtime mounts what it has set up: version 2 if there is nothing else, otherwise version 1.
  if (!source || unified.controls || !knows2) {
    if (ids && !unified?.controls) await delegateSystemdHierarchy(id, ids);
    return { type: 'cgroup', source: 'cgroup', destination, options: [...options, 'relatime'] };
  }
  return { type: 'bind', source, destination, options: ['rbind', ...options] };
}

/** Groups use the kernel's memory, and an instance could make any number of them. */
async function makeBoundedGroup(hierarchy: string, id: string): Promise<string> {
  const outer = join(hierarchy, id);
  const inner = join(hierarchy, groupOf(id));
  await mkdir(inner, { recursive: true });
  await writeFile(join(outer, 'cgroup.max.descendants'), String(maxGroups));
  await writeFile(join(outer, 'cgroup.max.depth'), String(maxDepth));
  return inner;
}

/**
 * Delegates the hierarchy in which systemd keeps its units (cgroups(7), "Cgroups version 1"), but no group with
 * controllers.
 */
async function delegateSystemdHierarchy(id: string, ids: IdRange): Promise<void> {
  const hierarchy = await hierarchyOf('systemd');
  if (hierarchy === undefined) return;
  const group = join(hierarchy, groupOf(id));
  await mkdir(group, { recursive: true });
  await delegate(group, ids);
}

/** Files that the new owner must be able to write (cgroup-v2.rst, "Model of Delegation"; for version 1, tasks too). */
const delegated = ['', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'tasks'];

async function delegate(group: string, { start }: IdRange): Promise<void> {
  for (const name of delegated) {
    await chown(join(group, name), start, start).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

function refused(systemd: number | undefined, wanted: string, has: string): MillinerError {
  const what = systemd === undefined ? "the image's systemd" : `systemd ${systemd}`;
  return new MillinerError('HOST_MISSING', `${what} needs control groups of ${wanted}, but the host ${has}`, {
    hint: 'Boot it on a host whose control groups are of that version (systemd.unified_cgroup_hierarchy=0 or 1 on its kernel command line).',
  });
}
