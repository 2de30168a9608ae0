/**
 * The seccomp filter of scriptlets and instances: a list of what is allowed. Root without CAP_SYS_ADMIN could still
 * make a user namespace and be its administrator, or talk to the hypervisor over AF_VSOCK, which no network namespace
 * has a say in. OCI runtime specification 1.0.2, config-linux.md, seccomp.
 */
import { constants } from 'node:os';
import { allowedCalls, refusedCalls } from './syscalls.ts';

const { EAFNOSUPPORT, ENOSYS, EPERM, EPROTONOSUPPORT } = constants.errno;

export interface Condition {
  index: number;
  /** The bits that are looked at, and what they are. */
  value: number;
  valueTwo: number;
  op: 'SCMP_CMP_MASKED_EQ';
}

export interface Rule {
  names: readonly string[];
  action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  errnoRet?: number;
  args?: Condition[];
}

export interface Filter {
  defaultAction: 'SCMP_ACT_ERRNO';
  defaultErrnoRet: number;
  architectures?: string[];
  syscalls: Rule[];
}

/**
 * What else the processor runs: programs of 32 bits. x32 is none of them, as in most kernels; a call of an architecture
 * that is not here ends its program.
 */
const architectures: Partial<Record<NodeJS.Architecture, string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** What a program calls to be sure that its data is on the disk. */
const syncs = ['fsync', 'fdatasync', 'sync', 'sync_file_range', 'syncfs'];

/** clone(2): CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const namespaces = [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
const anyNamespace = 0x7e02_0000;

/** personality(2): Linux, its 32-bit kind, either with UNAME26; and the question which one it is. */
const personalities = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/** ioctl_tty(2), TIOCSTI and TIOCLINUX: they put words where a shell reads its commands. */
const terminalInput = [0x5412, 0x541c];

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;

/** Protocols of each family; the kernel loads modules for others when asked, by whomever. */
const protocols: { family: number; only?: number[] }[] = [
  { family: AF_UNIX },
  // None, ICMP, TCP, UDP, ICMPv6; raw ones; MPTCP, which Go and Node ask for.
  { family: AF_INET, only: [0, 1, 6, 17, 58, 255, 262] },
  { family: AF_INET6, only: [0, 1, 6, 17, 58, 255, 262] },
  // NETLINK_ROUTE for getifaddrs(3), NETLINK_KOBJECT_UEVENT for systemd. Not of the audit: libaudit takes it for absent.
  { family: AF_NETLINK, only: [0, 15] },
];

/**
 * @param isTransient nothing in it counts until all of it is committed: syncs succeed and do nothing, as with
 * systemd-nspawn's --suppress-sync, because rpm alone makes one for every package
 */
export function seccompFilter(isTransient = false): Filter {
  const isSync = new Set(isTransient ? syncs : []);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    ...(architectures[process.arch] && { architectures: architectures[process.arch]! }),
    syscalls: [
      // First: libseccomp would make rules for it of those for socket, which cannot look at what lies in memory.
      refuse(['socketcall'], EAFNOSUPPORT),
      allow(allowedCalls.filter((name) => !isSync.has(name))),
      ...(isTransient ? [refuse(syncs, 0)] : []),
      refuse(refusedCalls, EPERM),
      allow(['clone'], [bits(0, anyNamespace, 0)]),
      // systemd asks for one, and goes on without it only where it may not.
      ...namespaces.map((one) => refuse(['clone'], EPERM, [bits(0, one, one)])),
      ...none(1, terminalInput).map((other) => allow(['ioctl'], [other])),
      ...terminalInput.map((one) => refuse(['ioctl'], EPERM, [is(1, one)])),
      ...personalities.map((one) => allow(['personality'], [is(0, one)])),
      ...socketRules(),
    ],
  };
}

function socketRules(): Rule[] {
  const families = protocols.map(({ family }) => family);
  return [
    allow(['socketpair'], [is(0, AF_UNIX)]),
    ...none(0, [AF_UNIX]).map((other) => refuse(['socketpair'], EAFNOSUPPORT, [other])),
    ...none(0, families).map((other) => refuse(['socket'], EAFNOSUPPORT, [other])),
    ...protocols.flatMap(({ family, only }) => protocolRules(is(0, family), only)),
  ];
}

function protocolRules(family: Condition, only: number[] | undefined): Rule[] {
  if (!only) return [allow(['socket'], [family])];
  return [
    ...only.map((protocol) => allow(['socket'], [family, is(2, protocol)])),
    ...none(2, only).map((other) => refuse(['socket'], EPROTONOSUPPORT, [family, other])),
  ];
}

const allow = (names: readonly string[], args?: Condition[]): Rule => ({
  names,
  action: 'SCMP_ACT_ALLOW',
  ...(args && { args }),
});

const refuse = (names: readonly string[], errnoRet: number, args?: Condition[]): Rule => ({
  names,
  action: 'SCMP_ACT_ERRNO',
  errnoRet,
  ...(args && { args }),
});

const bits = (index: number, mask: number, value: number): Condition => ({
  index,
  value: mask,
  valueTwo: value,
  op: 'SCMP_CMP_MASKED_EQ',
});

/** The kernel takes an int of the register's 64 bits: so do we, or a bit beyond would make another number of it. */
const is = (index: number, value: number): Condition => bits(index, 0xffff_ffff, value);

/** Conditions of which one is true of each number of 32 bits but for these: rules can be joined by or, not by and. */
function none(index: number, values: readonly number[], mask = 0, prefix = 0): Condition[] {
  const within = values.filter((value) => (value & mask) >>> 0 === prefix);
  if (within.length === 0) return [bits(index, mask, prefix)];
  const next = mask === 0 ? 0x8000_0000 : (~mask & (mask >>> 1)) >>> 0;
  if (next === 0) return [];
  const longer = (mask | next) >>> 0;
  return [...none(index, within, longer, prefix), ...none(index, within, longer, (prefix | next) >>> 0)];
}
