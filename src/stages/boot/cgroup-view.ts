/**
 * Which control groups an image's systemd is shown. Since 256 it refuses version 1 unless told otherwise, and 258
 * has no support left for it; before 230 it knows nothing of version 2. On a hybrid host the unified hierarchy
 * carries no controllers: a group of it serves systemd for its own book-keeping, and the limits are set from
 * outside through version 1.
 */
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namedHierarchy, unifiedHierarchy } from '../../lib/container/cgroups.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';

const firstWithVersion2 = 230;
const firstWithoutVersion1 = 256;

/** An instance's group is inside of one of ours, whose bounds it cannot change. */
export const groupOf = (id: string): string => `${id}/instance`;

const maxGroups = 4096;
const maxDepth = 32;

/**
 * The mount for /sys/fs/cgroup of a container with a control group namespace of its own.
 * @param ids whose root the group is delegated to
 */
export async function cgroupMount(id: string, systemd: number | undefined, ids?: IdRange): Promise<object> {
  const unified = await unifiedHierarchy();
  const knows2 = systemd === undefined || systemd >= firstWithVersion2;
  const needs2 = systemd === undefined || systemd >= firstWithoutVersion1;
  if (!knows2 && unified?.controls) throw refused(systemd, 'version 1', 'has version 2 alone');
  if (needs2 && !unified) throw refused(systemd, 'version 2', 'has version 1 alone');
  const options = ['rw', 'nosuid', 'nodev', 'noexec'];
  const destination = '/sys/fs/cgroup';
  const source = unified && (await makeBoundedGroup(unified.target, id));
  if (source && ids) await delegate(source, ids);
  // The runtime shows what it has set up: version 2 where that is all there is, otherwise version 1.
  if (!source || unified.controls || !knows2) {
    if (ids && !unified?.controls) await delegateSystemdHierarchy(id, ids);
    return { type: 'cgroup', source: 'cgroup', destination, options: [...options, 'relatime'] };
  }
  return { type: 'bind', source, destination, options: ['rbind', ...options] };
}

/** Groups are the kernel's memory, and an instance may make as many as it likes in a group of its own. */
async function makeBoundedGroup(hierarchy: string, id: string): Promise<string> {
  const outer = join(hierarchy, id);
  const inner = join(hierarchy, groupOf(id));
  await mkdir(inner, { recursive: true });
  await writeFile(join(outer, 'cgroup.max.descendants'), String(maxGroups));
  await writeFile(join(outer, 'cgroup.max.depth'), String(maxDepth));
  return inner;
}

/** What systemd keeps its book of units in (cgroups(7), "Cgroups version 1"); the controllers' groups stay ours. */
async function delegateSystemdHierarchy(id: string, ids: IdRange): Promise<void> {
  const hierarchy = await namedHierarchy('systemd');
  if (hierarchy === undefined) return;
  const group = join(hierarchy, groupOf(id));
  await mkdir(group, { recursive: true });
  await delegate(group, ids);
}

/** What its new owner has to be able to write (cgroup-v2.rst, "Model of Delegation"; of version 1, tasks too). */
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
