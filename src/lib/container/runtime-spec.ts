/** The config.json of an OCI bundle: the mounts and rights of a container. */
import { readFile } from 'node:fs/promises';
import type { AnyConfig, OciMount, OciNamespaces } from './oci-config.ts';
import { seccompFilter } from './seccomp.ts';
import type { Space } from './space.ts';
import { mappingsOf, type IdRange } from './userns.ts';

export interface Bind {
  /** Directory or file of the host. */
  source: string;
  /** Absolute path in the container. */
  target: string;
  writable?: boolean;
  /** Whether device nodes below it can be opened. */
  devices?: boolean;
}

export interface ContainerSpecification {
  /** Also the name of the cgroup. */
  id: string;
  /** IDs of the container's user namespace; without them its root is the host's root. */
  ids?: IdRange | undefined;
  /** Root directory; read-only unless rootWritable. Root of the ids must be able to reach it. */
  rootfs: string;
  rootWritable?: boolean;
  binds: Bind[];
  /** Directories that get an empty tmpfs. */
  tmpfs: string[];
  /** Further mounts, after all others. */
  mounts?: object[];
  /** Further mount points of a procfs, besides /proc. */
  proc?: string[];
  /** Whether the runtime makes a minimal /dev; not if the root has device nodes of its own. */
  dev: boolean;
  args: string[];
  env: Record<string, string>;
  capabilities: string[];
  memoryBytes: number;
  pids: number;
  hostname: string;
  /** Refuses system calls that only a container with an init system may need. */
  confined: boolean;
  /** Syncs do nothing: the caller syncs the files that it keeps. */
  transient?: boolean;
  /** Hooks that the runtime runs before the program. */
  hooks?: object;
}

export const capabilityNumbers: Record<string, bigint> = {
  CAP_CHOWN: 0n,
  CAP_DAC_OVERRIDE: 1n,
  CAP_FOWNER: 3n,
  CAP_FSETID: 4n,
  CAP_KILL: 5n,
  CAP_SETGID: 6n,
  CAP_SETUID: 7n,
  CAP_SETPCAP: 8n,
  CAP_NET_BIND_SERVICE: 10n,
  CAP_SYS_CHROOT: 18n,
  CAP_MKNOD: 27n,
  CAP_SETFCAP: 31n,
};

/** Only the available ones, because a runtime fails on a capability outside its own bounding set. */
export async function availableCapabilities(wanted: string[]): Promise<string[]> {
  const status = await readFile('/proc/self/status', 'utf8');
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return wanted.filter((name) => (bounding >> (capabilityNumbers[name] ?? 63n)) & 1n);
}

/**
 * The limit of open files, at most `max`; the soft limit is 1024. Without CAP_SYS_RESOURCE the limit cannot exceed this
 * process's own.
 */
export async function openFiles(max: number): Promise<{ type: string; soft: number; hard: number }> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const own = /^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1];
  const hard = Math.min(max, own === undefined ? Infinity : Number(own));
  return { type: 'RLIMIT_NOFILE', soft: Math.min(1024, hard), hard };
}

/** OCI runtime specification 1.0.2, config.json. */
export async function specification(options: ContainerSpecification): Promise<AnyConfig> {
  const capabilities = await availableCapabilities(options.capabilities);
  const procs = ['/proc', ...(options.proc ?? [])];
  // Without CAP_SYS_ADMIN root could still write files of uid 0 in /proc, kernel.core_pattern among them.
  const below = (names: string[]) => procs.flatMap((proc) => names.map((name) => `${proc}/${name}`));
  const config = {
    ociVersion: '1.0.2',
    hostname: options.hostname,
    root: { path: options.rootfs, readonly: !options.rootWritable },
    process: {
      cwd: '/',
      args: options.args,
      env: Object.entries(options.env).map(([key, value]) => `${key}=${value}`),
      user: { uid: 0, gid: 0, umask: 0o022 },
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: true,
      rlimits: [await openFiles(4096)],
      oomScoreAdj: 500,
    },
    mounts: mountsOf(options),
    ...(options.hooks && { hooks: options.hooks }),
    linux: {
      cgroupsPath: `/${options.id}`,
      ...(options.confined && { seccomp: seccompFilter(options.transient) }),
      ...namespacesOf(['pid', 'network', 'ipc', 'uts', 'mount'], options.ids),
      maskedPaths: below(['kcore', 'keys', 'latency_stats', 'timer_list', 'sched_debug', 'scsi', 'acpi']),
      readonlyPaths: below(['bus', 'fs', 'irq', 'sys', 'sysrq-trigger']),
      resources: {
        memory: { limit: options.memoryBytes },
        pids: { limit: options.pids },
        devices: [{ allow: false, access: 'rwm' }, ...deviceRules],
      },
    },
  };
  return config;
}

/**
 * For the linux section; with a user namespace if there are ids for it.
 * @param space namespaces that are there already
 */
export function namespacesOf(
  types: readonly string[],
  ids: IdRange | undefined,
  space?: Space,
): OciNamespaces {
  const all = ids ? ['user', ...types] : types;
  const paths: Record<string, string | undefined> = { ...space };
  const namespaces = all.map((type) => ({ type, ...(paths[type] !== undefined && { path: paths[type] }) }));
  return { namespaces, ...(ids && mappingsOf(ids)) };
}

function mountsOf(options: ContainerSpecification): object[] {
  return [
    ...options.tmpfs.map((destination) =>
      mountOf('tmpfs', 'tmpfs', destination, ['nosuid', 'nodev', 'mode=1777', tmpfsSize]),
    ),
    ...(options.dev
      ? [mountOf('tmpfs', 'tmpfs', '/dev', ['nosuid', 'strictatime', 'mode=755', 'size=64k'])]
      : []),
    mountOf('proc', 'proc', '/proc', ['nosuid', 'noexec', 'nodev']),
    ...options.binds.map(bindMount),
    ...(options.proc ?? []).map((place) => mountOf('proc', 'proc', place, ['nosuid', 'noexec', 'nodev'])),
    ...(options.mounts ?? []),
  ];
}

/** /dev/null and similar devices, which give access to nothing. */
export const harmlessDevices = [3, 5, 7, 8, 9].map((minor) => ({
  allow: true,
  type: 'c',
  major: 1,
  minor,
  access: 'rwm',
}));

/** Pseudo-terminals of the container's own: mount options, and device rules for /dev/tty, /dev/ptmx and /dev/pts. */
export const terminals = {
  options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  rules: [
    { allow: true, type: 'c', major: 5, minor: 0, access: 'rwm' },
    { allow: true, type: 'c', major: 5, minor: 2, access: 'rwm' },
    { allow: true, type: 'c', major: 136, access: 'rwm' },
  ],
};

/** Options of the tmpfs at /dev/shm. */
export const sharedMemory = ['nosuid', 'nodev', 'noexec', 'mode=1777', 'size=64m'];

/** Packages may make any device node (m), but programs can open only the harmless ones. */
const deviceRules = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...harmlessDevices,
  ...terminals.rules,
];

/**
 * Its pages count as memory of the container. A size limit turns a full one into an error of the writer, instead of an
 * out-of-memory kill.
 */
const tmpfsSize = 'size=1g';

export function mountOf(type: string, source: string, destination: string, options: string[]): OciMount {
  return { type, source, destination, options };
}

function bindMount(bind: Bind) {
  const flags = ['rbind', 'rprivate', bind.writable ? 'rw' : 'ro', ...(bind.devices ? [] : ['nodev'])];
  return mountOf('bind', bind.source, bind.target, bind.writable ? flags : [...flags, 'nosuid']);
}
