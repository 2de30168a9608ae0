/**
 * How an OCI runtime is called. The control group of a container is the runtime's own work, but for crun: older ones
 * remove it, and its counters, when the container ends, and refuse hybrid hierarchies in which version 2 has a
 * controller. So crun is started in a group that is there.
 */
import { join } from 'node:path';
import { enterPath } from '../host/native.ts';
import type { OciRuntime } from './backend-names.ts';
import { unifiedHierarchy } from './cgroups.ts';

export interface Call {
  program: string;
  words: string[];
}

/** Whether the groups of its containers are made for it. */
export const findsGroups = (runtime: OciRuntime): boolean => runtime === 'crun';

/** For commands that start a program. @param groups paths of cgroup.procs, where they are made for it */
export async function startCallOf(
  runtime: OciRuntime,
  options: readonly string[],
  groups: readonly string[],
): Promise<Call> {
  if (!findsGroups(runtime)) return { program: runtime, words: [...options] };
  const joined = ['join', ...groups, '--', runtime, '--cgroup-manager=disabled', ...options];
  const unified = (await unifiedHierarchy())?.target;
  const isHybrid = unified !== undefined && unified !== '/sys/fs/cgroup';
  const covered = isHybrid ? ['cover', join(unified, 'cgroup.controllers'), enterPath] : [];
  return { program: enterPath, words: [...covered, ...joined] };
}
