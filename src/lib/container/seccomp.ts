/**
 * The seccomp filter of scriptlets and instances: an allow-list. Without it, root without CAP_SYS_ADMIN could still
 * become administrator of a new user namespace, or talk to the hypervisor over AF_VSOCK, which network namespaces do
 * not restrict. OCI runtime specification 1.0.2, config-linux.md, seccomp.
 */
import { constants } from 'node:os';
import { allowedCalls, refusedCalls } from './syscalls.ts';

const { EAFNOSUPPORT, ENOSYS, EPERM, EPROTONOSUPPORT } = constants.errno;

export interface Condition {
  index: number;
  /** For MASKED_EQ the mask, with the expected bits in valueTwo; otherwise a 64-bit number. */
  value: number;
  valueTwo: number;
  op: 'SCMP_CMP_MASKED_EQ' | 'SCMP_CMP_EQ' | 'SCMP_CMP_GT';
}

interface Rule {
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
 * The 32-bit architectures that the processor can also run. x32 is left out, as in most kernels. A system call of an
 * architecture outside this list kills the program.
 */
const architectures: Partial<Record<NodeJS.Architecture, string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** System calls that write data to disk. */
const syncs = ['fsync', 'fdatasync', 'sync', 'sync_file_range', 'syncfs'];

/** clone(2): CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const namespaces = [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
const anyNamespace = 0x7e02_0000;

/** personality(2): Linux, its 32-bit kind, either with UNAME26; and the query of the current one. */
const personalities = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/** ioctl_tty(2), TIOCSTI and TIOCLINUX: they insert input into a terminal, where a shell would execute it. */
const terminalInput = [0x5412, 0x541c];

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;

/**
 * Protocols of each address family. Without this list any user could make the kernel load the module of another one.
 */
const protocols: { family: number; allowed: number[] }[] = [
  // None, ICMP, TCP, UDP, ICMPv6; raw ones; MPTCP, which Go and Node ask for.
  { family: AF_INET, allowed: [0, 1, 6, 17, 58, 255, 262] },
  { family: AF_INET6, allowed: [0, 1, 6, 17, 58, 255, 262] },
  // NETLINK_ROUTE for getifaddrs(3), NETLINK_KOBJECT_UEVENT for systemd.
  { family: AF_NETLINK, allowed: [0, 15] },
];

/** libaudit takes only this error for a kernel without audit, and then lets users log in. */
const NETLINK_AUDIT = 9;

/**
 * @param isTransient whether the content counts only once all of it is committed. Then syncs succeed without effect, as
 * with systemd-nspawn's --suppress-sync: rpm syncs once for each package
 */
export function seccompFilter(isTransient = false): Filter {
  const isOther = new Set(isTransient ? [...syncs, 'prlimit64'] : []);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    ...(architectures[process.arch] && { architectures: architectures[process.arch]! }),
    syscalls: [
      // First, because libseccomp would otherwise derive rules for it from those of socket, and seccomp cannot inspect
      // arguments in memory.
      refuse(['socketcall'], EAFNOSUPPORT),
      allow(allowedCalls.filter((name) => !isOther.has(name))),
      ...(isTransient ? [refuse(syncs, 0), ...ownLimits()] : []),
      refuse(refusedCalls, EPERM),
      allow(['clone'], [bits(0, anyNamespace, 0)]),
      // EPERM, because systemd asks for namespaces, and continues without one only after this error.
      ...namespaces.map((one) => refuse(['clone'], EPERM, [bits(0, one, one)])),
      ...none(1, terminalInput).map((other) => allow(['ioctl'], [other])),
      ...terminalInput.map((one) => refuse(['ioctl'], EPERM, [low(1, one)])),
      ...personalities.map((one) => allow(['personality'], [low(0, one)])),
      ...socketRules(),
    ],
  };
}

/**
 * A scriptlet that lowered the limits of rpm, which runs as the same user, would make scriptlets of other packages
 * fail.
 */
function ownLimits(): Rule[] {
  return [allow(['prlimit64'], [low(0, 0)]), refuse(['prlimit64'], EPERM, [above(0, 0)])];
}

/** Rules only where the error number matters, because each rule slows down the start of a container. */
function socketRules(): Rule[] {
  const families = [AF_UNIX, ...protocols.map(({ family }) => family)];
  const last = Math.max(...families);
  const others = Array.from({ length: last }, (_, family) => family).filter((one) => !families.includes(one));
  const noFamily = [...others.map((one) => equals(0, one)), above(0, last)];
  return [
    allow(['socketpair'], [equals(0, AF_UNIX)]),
    refuse(['socketpair'], EAFNOSUPPORT, [above(0, AF_UNIX)]),
    allow(['socket'], [equals(0, AF_UNIX)]),
    ...noFamily.map((other) => refuse(['socket'], EAFNOSUPPORT, [other])),
    ...protocols.flatMap(({ family, allowed }) =>
      allowed.map((protocol) => allow(['socket'], [equals(0, family), equals(2, protocol)])),
    ),
    refuse(['socket'], EPROTONOSUPPORT, [equals(0, AF_NETLINK), equals(2, NETLINK_AUDIT)]),
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

/** Compares the lower half of a number whose upper half the kernel ignores: a bit there must not defeat the rule. */
const low = (index: number, value: number): Condition => bits(index, 0xffff_ffff, value);

const equals = (index: number, value: number): Condition => ({
  index,
  value,
  valueTwo: 0,
  op: 'SCMP_CMP_EQ',
});
const above = (index: number, value: number): Condition => ({ index, value, valueTwo: 0, op: 'SCMP_CMP_GT' });

/**
 * Conditions of which at least one holds for every 32-bit number except these: seccomp joins rules by or, not by and.
 */
function none(index: number, values: readonly number[], mask = 0, prefix = 0): Condition[] {
  const within = values.filter((value) => (value & mask) >>> 0 === prefix);
  if (within.length === 0) return [bits(index, mask, prefix)];
  const next = mask === 0 ? 0x8000_0000 : (~mask & (mask >>> 1)) >>> 0;
  if (next === 0) return [];
  const longer = (mask | next) >>> 0;
  return [...none(index, within, longer, prefix), ...none(index, within, longer, (prefix | next) >>> 0)];
}
