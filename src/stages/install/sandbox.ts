/**
 * The sandbox of rpm and its scriptlets: the tool root read-only, the image at /target, no network, and only the
 * capabilities that a transaction needs. Scriptlets are always treated as hostile.
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
  /** A directory of the build, which is removed with it. */
  directory: string;
  /** Directory with the /usr and /etc to run with; '/' for the host's own. */
  toolRoot: string;
  /** Mount point of the image. */
  target: string;
  /** IDs of the programs, and how to mount the target for them; without it, root is the host's root. */
  shift?: TargetShift | undefined;
  /** SOURCE_DATE_EPOCH, seconds. */
  epoch: number;
  /** Bytes of memory for all processes together, /tmp, /run and /dev/shm included. */
  memory: number;
  /** Milliseconds for one program. */
  timeout: number;
  /** The disk of the target. */
  disk: TargetDisk;
  signal?: AbortSignal | undefined;
}

interface TargetShift {
  ids: IdRange;
  /** Mounts the target again at the same path: with its owners moved into the IDs, or unchanged. */
  mount: (ids: IdRange | undefined) => Promise<unknown>;
}

interface TargetDisk {
  /** Bytes that programs may add to it. */
  maxBytes: number;
  /** Whether this is less than the recipe allows, because the host's disk has no more. */
  isHosts: boolean;
  isFull: () => Promise<boolean>;
}

export interface SandboxCommand {
  args: string[];
  /** Read-only directories in addition to the tool root. */
  inputs?: { source: string; target: string }[];
  onStdout?: (line: string) => void;
  onStderr?: (line: string) => void;
  onStderrBytes?: (chunk: Buffer) => void;
  onTrace?: (trace: Trace) => void;
  /** With `onTrace`: lines of the programs that it starts, which the other callbacks then do not get. */
  onProgramLine?: (line: string) => void;
}

/** Capabilities to set owners, modes, file capabilities and nodes, and to enter the target. */
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

/** Runs a program of the tool root. Any exit code is a result, not an error. */
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

/** The same on every host: time zone, locale, user and host name. */
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
 * The files of the host's /etc that programs need to start and to look up names. Scriptlets must not be able to read
 * others, such as keys and passwords.
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
  // The root user of the namespace, who makes the mount points in it.
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
