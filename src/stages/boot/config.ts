/**
 * The config.json of an instance (OCI runtime specification 1.0.2), with podman's default capabilities and mounts, so
 * that an image behaves as it will for its users. With systemd as the first process it is as with podman's --systemd.
 */
import type { OciConfig, OciMount } from '../../lib/container/oci-config.ts';
import {
  availableCapabilities,
  harmlessDevices,
  mountOf,
  namespacesOf,
  openFiles,
  sharedMemory,
  terminals,
} from '../../lib/container/runtime-spec.ts';
import { seccompFilter } from '../../lib/container/seccomp.ts';
import type { Space } from '../../lib/container/space.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import type { RuntimeConfig } from '../image/image.ts';
import { groupOf } from './cgroup-view.ts';
import { limitResources, type Limits } from './limit-resources.ts';
import type { InstanceMount } from './instance-mount.ts';
import type { ProcessUser } from './user.ts';

export interface InstanceConfig {
  id: string;
  /** IDs of the user namespace; without them its root is the host's root. */
  ids?: IdRange | undefined;
  /** A mounted, writable tree, whose owners were moved into the IDs. */
  rootfs: string;
  image: RuntimeConfig;
  user: ProcessUser;
  /** Whether systemd is the first process. */
  init: boolean;
  /** The mount at /sys/fs/cgroup; absent if the program is no init system. */
  cgroup?: OciMount | undefined;
  /**
   * A directory with hosts, hostname, resolv.conf and the notification socket; not on a disk, because the instance can
   * write to it.
   */
  files: string;
  hostname: string;
  limits: Limits;
  /** Numbers of the block devices that its tree lies on. */
  devices?: readonly string[] | undefined;
  /** Namespaces that are there already. */
  space?: Space | undefined;
  /** What else it sees of the host. */
  hostMounts?: readonly InstanceMount[];
}

const capabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

const notifyInside = '/run/host/notify';

export async function instanceConfig(options: InstanceConfig): Promise<OciConfig> {
  const { id, image, user, init, hostname, limits } = options;
  const names = await availableCapabilities(capabilities);
  // As in podman: programs of an ordinary user start without capabilities.
  const effective = user.uid === 0 ? names : [];
  return {
    ociVersion: '1.0.2',
    hostname,
    root: { path: options.rootfs, readonly: false },
    process: {
      cwd: image.workingDir ?? '/',
      args: argumentsOf(image),
      env: environment(options),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      capabilities: { bounding: names, effective, permitted: effective, inheritable: [], ambient: [] },
      noNewPrivileges: false,
      // The limit that systemd gives services on a host.
      rlimits: [await openFiles(524_288)],
      oomScoreAdj: 500,
    },
    mounts: [...mounts(options), ...(options.hostMounts ?? []).map(mountOfHost)],
    linux: {
      cgroupsPath: `/${groupOf(id)}`,
      seccomp: seccompFilter(),
      ...namespacesOf(
        ['pid', 'network', 'ipc', 'uts', 'mount', ...(init ? ['cgroup'] : [])],
        options.ids,
        options.space,
      ),
      maskedPaths: masked,
      readonlyPaths: ['asound', 'bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`),
      resources: {
        ...(await limitResources(limits, options.devices)),
        devices: [{ allow: false, access: 'rwm' }, ...harmlessDevices, ...terminals.rules],
      },
    },
  };
}

export function argumentsOf({ entrypoint = [], cmd = [] }: RuntimeConfig): string[] {
  return [...entrypoint, ...cmd];
}

function environment({ image, user, init, hostname, id }: InstanceConfig): string[] {
  const values = {
    ...(init ? { container_uuid: uuidOf(id) } : { HOME: user.home }),
    HOSTNAME: hostname,
    ...image.env,
    container: 'oci',
    NOTIFY_SOCKET: notifyInside,
  };
  return Object.entries(values).map(([name, value]) => `${name}=${value}`);
}

/** systemd derives the instance's machine-id from it: the ID ends in 16 random hexadecimal digits. */
function uuidOf(id: string): string {
  const hex = id
    .replaceAll(/[^0-9a-f]/g, '')
    .slice(-32)
    .padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const masked = [
  ...['acpi', 'kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats', 'sched_debug', 'scsi'].map(
    (name) => `/proc/${name}`,
  ),
  '/sys/firmware',
  '/sys/fs/selinux',
  '/sys/dev/block',
];

function mounts({ files, init, cgroup, limits }: InstanceConfig): OciMount[] {
  const tmpfs = (target: string, mode: string, ...more: string[]) =>
    mountOf('tmpfs', 'tmpfs', target, ['nosuid', 'nodev', `mode=${mode}`, `size=${limits.memory}`, ...more]);
  const file = (name: string, target: string) =>
    mountOf('bind', `${files}/${name}`, target, ['bind', 'rprivate', 'rw', 'nosuid', 'nodev', 'noexec']);
  return [
    mountOf('proc', 'proc', '/proc', ['nosuid', 'noexec', 'nodev']),
    mountOf('tmpfs', 'tmpfs', '/dev', ['nosuid', 'strictatime', 'mode=755', 'size=64k']),
    mountOf('devpts', 'devpts', '/dev/pts', terminals.options),
    mountOf('tmpfs', 'shm', '/dev/shm', sharedMemory),
    mountOf('mqueue', 'mqueue', '/dev/mqueue', ['nosuid', 'noexec', 'nodev']),
    mountOf('sysfs', 'sysfs', '/sys', ['nosuid', 'noexec', 'nodev', 'ro']),
    ...(cgroup ? [cgroup] : []),
    ...(init
      ? [
          tmpfs('/run', '755'),
          tmpfs('/run/lock', '1777'),
          tmpfs('/tmp', '1777'),
          tmpfs('/var/log/journal', '755'),
        ]
      : []),
    file('hosts', '/etc/hosts'),
    file('hostname', '/etc/hostname'),
    file('resolv.conf', '/etc/resolv.conf'),
    file('notify', notifyInside),
  ];
}

function mountOfHost({ source, path, readonly }: InstanceMount): OciMount {
  return mountOf('bind', source, path, ['rbind', 'rprivate', readonly ? 'ro' : 'rw', 'nosuid', 'nodev']);
}
