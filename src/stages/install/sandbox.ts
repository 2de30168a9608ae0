/**
 * Where rpm and its scriptlets run: the tool root read-only, the image being made at /target, no network, and
 * only the capabilities that a transaction needs. Scriptlets are hostile always.
 */
import { lchown, mkdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { runContainer, type ContainerOptions, type ContainerResult } from '../../lib/container/container.ts';
import { makeRunDirectory, removeRunDirectory } from '../../lib/container/run-directory.ts';
import type { Bind } from '../../lib/container/runtime-spec.ts';
import type { Trace } from '../../lib/container/trace.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { lstatIfThere } from '../../lib/host/files.ts';
import { placesOf } from './default-filesystems.ts';

export interface Sandbox {
  /** Unique on this host. */
  id: string;
  /** A directory of the build's own, removed with it. */
  directory: string;
  /** Directory that holds the /usr and /etc to run with; '/' for the host's own. */
  toolRoot: string;
  /** Where the image being made is mounted. */
  target: string;
  /** The ids that programs run with, and how the target is mounted for them; without, root is the host's. */
  shift?: TargetShift | undefined;
  /** SOURCE_DATE_EPOCH, seconds. */
  epoch: number;
  /** Bytes that its processes may take together, with what they write to /tmp, /run and /dev/shm. */
  memory: number;
  /** Milliseconds that one program may run. */
  timeout: number;
  /** What the target lies on. */
  disk: TargetDisk;
  signal?: AbortSignal | undefined;
}

export interface TargetShift {
  ids: IdRange;
  /** Mounts the target anew, in the same place: with its owners moved into the ids, or as it is. */
  mount: (ids: IdRange | undefined) => Promise<unknown>;
}

export interface TargetDisk {
  /** Bytes that may be added to it. */
  maxBytes: number;
  /** Fewer than the recipe allows, because the host has no more. */
  isHosts: boolean;
  isFull: () => Promise<boolean>;
}

export interface SandboxCommand {
  args: string[];
  /** Read-only directories beside the tool root. */
  inputs?: { source: string; target: string }[];
  onStdout?: (line: string) => void;
  onStderr?: (line: string) => void;
  onStderrBytes?: (chunk: Buffer) => void;
  onTrace?: (trace: Trace) => void;
  /** With `onTrace`: lines of the programs that it starts, which then come to neither of the others. */
  onProgramLine?: (line: string) => void;
}

/** What rpm needs to set owners, modes, capabilities and nodes and to enter the target. */
const capabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_SETFCAP',
  'CAP_SETUID',
  'CAP_SETGID',
  'CAP_SYS_CHROOT',
  'CAP_MKNOD',
];
const pids = 4096;

/** Runs a program of the tool root; its exit code is an answer, not a failure. */
export async function runInSandbox(sandbox: Sandbox, command: SandboxCommand): Promise<ContainerResult> {
  const { shift } = sandbox;
  if (!shift) return runMounted(sandbox, command);
  await shift.mount(shift.ids);
  try {
    return await runMounted(sandbox, command);
  } finally {
    await shift.mount(undefined);
  }
}

async function runMounted(sandbox: Sandbox, command: SandboxCommand): Promise<ContainerResult> {
  const run = await makeRunDirectory(sandbox.id, sandbox.shift?.ids);
  try {
    return await runContainer(await containerOf(sandbox, command, run));
  } finally {
    await removeRunDirectory(sandbox.id);
  }
}

async function containerOf(
  sandbox: Sandbox,
  command: SandboxCommand,
  run: string,
): Promise<ContainerOptions> {
  const ids = sandbox.shift?.ids;
  const { rootfs, binds } = await skeleton(sandbox, run);
  const places = await placesOf(sandbox.directory, ids);
  return {
    id: sandbox.id,
    directory: sandbox.directory,
    ids,
    rootfs,
    binds: [
      ...binds,
      ...(command.inputs ?? []),
      { source: sandbox.target, target: '/target', writable: true },
      ...places.binds,
    ],
    mounts: places.mounts,
    tmpfs: ['/tmp', '/var/tmp', '/run'],
    proc: ['/target/proc'],
    dev: true,
    args: command.args,
    env: environment(sandbox.epoch),
    capabilities,
    memoryBytes: sandbox.memory,
    pids,
    hostname: 'localhost',
    timeout: sandbox.timeout,
    isDiskFull: sandbox.disk.isFull,
    confined: true,
    transient: true,
    ...(command.onStdout && { onStdout: command.onStdout }),
    ...(command.onStderr && { onStderr: command.onStderr }),
    ...(command.onStderrBytes && { onStderrBytes: command.onStderrBytes }),
    ...(command.onTrace && { onTrace: command.onTrace }),
    ...(command.onProgramLine && { onProgramLine: command.onProgramLine }),
    signal: sandbox.signal,
  };
}

/** Nothing of the host shows here: time zone, locale, user and host name are the same everywhere. */
function environment(epoch: number): Record<string, string> {
  return {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    SOURCE_DATE_EPOCH: String(epoch),
    SYSTEMD_OFFLINE: '1',
    container: 'oci',
  };
}

/**
 * Of the host's own /etc: what programs need to start and to look up names. The rest, its keys and passwords
 * among it, is nothing that a scriptlet should be able to read.
 */
const hostConfiguration = [
  'alternatives',
  'group',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'nsswitch.conf',
  'passwd',
  'crypto-policies',
];

/** An empty root with the tool root's directories bound into it and its top-level links repeated. */
async function skeleton(sandbox: Sandbox, run: string): Promise<{ rootfs: string; binds: Bind[] }> {
  const rootfs = join(run, 'rootfs');
  await mkdir(join(rootfs, 'etc'), { recursive: true });
  // Its root makes there what is mounted on.
  const root = sandbox.shift?.ids.start ?? 0;
  for (const path of [rootfs, join(rootfs, 'etc')]) await lchown(path, root, root);
  const binds: Bind[] = [];
  const isHost = sandbox.toolRoot === '/';
  const configuration = isHost ? hostConfiguration.map((name) => `etc/${name}`) : ['etc'];
  for (const name of ['usr', ...configuration, 'bin', 'sbin', 'lib', 'lib64', 'lib32', 'libx32']) {
    const source = join(sandbox.toolRoot, name);
    const found = await lstatIfThere(source);
    if (found?.isSymbolicLink()) await linkOnce(await readlink(source), join(rootfs, name));
    else if (found) binds.push({ source, target: `/${name}` });
  }
  return { rootfs, binds };
}

async function linkOnce(target: string, path: string): Promise<void> {
  await symlink(target, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
