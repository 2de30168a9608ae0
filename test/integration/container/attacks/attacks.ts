/**
 * What root can try from inside of a scriptlet, or of an instance. Each is the body of a C function, which gives less
 * than 0 where the kernel held it. Opening is enough to know: nothing is written where it would hurt.
 */

/** `exec`: another program in a running instance, as a check of the boot is. */
export type Place = 'scriptlet' | 'instance' | 'exec';

export interface Attack {
  name: string;
  c: string;
  /** Everywhere, unless told; an instance's is that of its further programs too. */
  only?: 'scriptlet' | 'instance';
  /** Of this processor alone: its other calling conventions, its ports. */
  x64?: true;
  /** Held by a user namespace alone: root inside is root outside without one. */
  needsUserns?: true;
}

const opens = (path: string, flags = 'O_RDONLY') => `return open("${path}", ${flags});`;
const calls = (name: string, ...args: (string | number)[]) =>
  `return syscall(SYS_${name}${args.map((arg) => `, ${arg}`).join('')});`;
const sockets = (family: string, type: string, protocol: string | number) =>
  `return socket(${family}, ${type}, ${protocol});`;
const escaped = (body: string) => `leave_chroot(); ${body}`;

const kernelFiles: Attack[] = [
  { name: 'write-core-pattern', c: opens('/proc/sys/kernel/core_pattern', 'O_WRONLY') },
  {
    name: 'write-core-pattern-past-the-chroot',
    c: escaped(opens('/proc/sys/kernel/core_pattern', 'O_WRONLY')),
  },
  { name: 'write-core-pattern-by-init', c: opens('/proc/1/root/proc/sys/kernel/core_pattern', 'O_WRONLY') },
  { name: 'write-panic-timeout', c: escaped(opens('/proc/sys/kernel/panic', 'O_WRONLY')) },
  { name: 'write-sysrq', c: escaped(opens('/proc/sysrq-trigger', 'O_WRONLY')) },
  { name: 'write-uevent-helper', c: escaped(opens('/sys/kernel/uevent_helper', 'O_WRONLY')) },
  { name: 'write-irq-affinity', c: escaped(opens('/proc/irq/default_smp_affinity', 'O_WRONLY')) },
  {
    name: 'read-kernel-memory',
    c: escaped(
      'int fd = open("/proc/kcore", O_RDONLY); char byte; return fd < 0 ? fd : read(fd, &byte, 1) - 1;',
    ),
  },
  {
    name: 'read-keys',
    c: escaped(
      'int fd = open("/proc/keys", O_RDONLY); char byte; return fd < 0 ? fd : read(fd, &byte, 1) - 1;',
    ),
  },
  { name: 'open-kernel-log', c: escaped(opens('/dev/kmsg')) },
  { name: 'read-kernel-log', c: 'static char log[64]; return klogctl(3, log, sizeof log);' },
  { name: 'read-slabs', c: opens('/proc/slabinfo'), needsUserns: true },
  { name: 'read-kernel-allocations', c: opens('/proc/vmallocinfo'), needsUserns: true },
  { name: 'read-page-types', c: opens('/proc/pagetypeinfo'), needsUserns: true },
  { name: 'be-root-outside', c: 'return maps_root();', needsUserns: true },
];

const hostFiles: Attack[] = [
  { name: 'read-host-file', c: escaped(opens('" SECRET "')) },
  { name: 'read-host-file-by-init', c: opens('/proc/1/root" SECRET "') },
  { name: 'read-host-file-by-cwd', c: opens('/proc/1/cwd/../../../../../../.." SECRET "') },
  {
    name: 'write-programs-of-host',
    c: escaped(opens('/usr/milliner-attack', 'O_WRONLY | O_CREAT, 0600')),
    only: 'scriptlet',
  },
  { name: 'write-accounts-of-host', c: escaped(opens('/etc/passwd', 'O_WRONLY')), only: 'scriptlet' },
  { name: 'read-passwords-of-host', c: escaped(opens('/etc/shadow')), only: 'scriptlet' },
  {
    name: 'write-packages',
    c: escaped(opens('/packages/milliner-attack', 'O_WRONLY | O_CREAT, 0600')),
    only: 'scriptlet',
  },
  { name: 'open-disk', c: 'return device(S_IFBLK, DISK);' },
  { name: 'open-memory-device', c: 'return device(S_IFCHR, makedev(1, 1));' },
  { name: 'open-port-device', c: 'return device(S_IFCHR, makedev(1, 4));' },
  { name: 'open-kernel-log-device', c: 'return device(S_IFCHR, makedev(1, 11));' },
  { name: 'open-fuse', c: 'return device(S_IFCHR, makedev(10, 229));' },
  { name: 'open-tun', c: 'return device(S_IFCHR, makedev(10, 200));' },
  {
    name: 'open-by-handle',
    c: 'struct { struct file_handle head; char id[128]; } it = {.head = {.handle_bytes = 128}}; return syscall(SYS_open_by_handle_at, AT_FDCWD, &it, O_RDONLY);',
  },
  {
    name: 'make-a-handle',
    c: 'struct { struct file_handle head; char id[128]; } it = {.head = {.handle_bytes = 128}}; int id; return syscall(SYS_name_to_handle_at, AT_FDCWD, "/", &it, &id, 0);',
  },
  {
    name: 'inherit-a-file',
    c: 'for (int fd = 3; fd < 256; fd++) if (fcntl(fd, F_GETFD) == 0) return fd; return -1;',
    only: 'instance',
  },
];

const mounts: Attack[] = [
  { name: 'mount-tmpfs', c: 'return mount("milliner-attack", "/tmp", "tmpfs", 0, "");' },
  { name: 'mount-proc', c: 'return mount("proc", "/proc", "proc", 0, "");' },
  { name: 'mount-cgroup', c: 'return mount("cgroup", "/tmp", "cgroup", 0, "memory");' },
  { name: 'bind', c: 'return mount("/", "/tmp", "", MS_BIND, "");' },
  { name: 'remount-writable', c: escaped('return mount("", "/usr", "", MS_REMOUNT | MS_BIND, "");') },
  { name: 'unmount-proc-sys', c: 'return umount2("/proc/sys", MNT_DETACH);' },
  { name: 'new-mount-interface', c: calls('fsopen', '"tmpfs"', 0) },
  { name: 'open-tree', c: calls('open_tree', 'AT_FDCWD', '"/"', 1) },
  { name: 'move-mount', c: calls('move_mount', 'AT_FDCWD', '"/proc"', 'AT_FDCWD', '"/tmp"', 0) },
  {
    name: 'set-mount-attributes',
    c: 'unsigned long long none[4] = {0}; return syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, none, sizeof none);',
  },
  { name: 'pivot-root', c: calls('pivot_root', '"/"', '"/"') },
];

const namespaces: Attack[] = [
  { name: 'unshare-user', c: 'return unshare(CLONE_NEWUSER);' },
  { name: 'unshare-mounts', c: 'return unshare(CLONE_NEWNS);' },
  { name: 'unshare-network', c: 'return unshare(CLONE_NEWNET);' },
  { name: 'clone-user', c: 'return started(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));' },
  {
    name: 'clone3-user',
    c: 'unsigned long long want[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD}; return started(syscall(SYS_clone3, want, sizeof want));',
  },
  { name: 'enter-namespace-of-init', c: 'return setns(open("/proc/1/ns/mnt", O_RDONLY), 0);' },
  { name: 'enter-namespaces-by-pidfd', c: 'return setns(syscall(SYS_pidfd_open, 1, 0), CLONE_NEWNS);' },
];

const processes: Attack[] = [
  { name: 'trace-a-process', c: 'return ptrace(PTRACE_ATTACH, sleeper(), 0, 0);' },
  { name: 'trace-init', c: 'return ptrace(PTRACE_SEIZE, 1, 0, 0);' },
  {
    name: 'read-memory-of-init',
    c: 'long word; struct iovec here = {&word, 8}, there = {(void *)0x400000, 8}; return process_vm_readv(1, &here, 1, &there, 1, 0);',
  },
  {
    name: 'write-memory-of-a-process',
    c: 'long word = 0; struct iovec here = {&word, 8}, there = {&secret, 8}; return process_vm_writev(sleeper(), &here, 1, &there, 1, 0);',
  },
  { name: 'take-a-file-of-init', c: 'return syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, 1, 0), 1, 0);' },
  { name: 'compare-processes', c: calls('kcmp', 'getpid()', 1, 0, 0, 0) },
  { name: 'kill-process-of-host', c: 'return kill(HOST_PID, SIGKILL);' },
  { name: 'be-nice-to-itself', c: 'return setpriority(PRIO_PROCESS, 0, -20);' },
  {
    name: 'run-in-real-time',
    c: 'struct sched_param real = {.sched_priority = 1}; return sched_setscheduler(0, SCHED_FIFO, &real);',
  },
  {
    name: 'open-more-files',
    c: 'struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY}; return setrlimit(RLIMIT_NOFILE, &most);',
  },
  {
    name: 'survive-out-of-memory',
    c: 'return write(open("/proc/self/oom_score_adj", O_WRONLY), "-1000", 5);',
  },
  { name: 'gain-a-capability', c: 'return gain(21);' },
  {
    name: 'leave-its-control-group',
    c: escaped('return write(open("/sys/fs/cgroup/cgroup.procs", O_WRONLY), "0", 1);'),
  },
  { name: 'make-a-control-group', c: escaped('return mkdir("/sys/fs/cgroup/milliner-attack", 0700);') },
];

const network: Attack[] = [
  { name: 'vsock', c: sockets('AF_VSOCK', 'SOCK_STREAM', 0) },
  { name: 'vsock-with-high-bits', c: calls('socket', '1UL << 32 | AF_VSOCK', 'SOCK_STREAM', 0) },
  { name: 'vsock-in-32-bits', x64: true, c: 'return call32(359, AF_VSOCK, SOCK_STREAM, 0);' },
  {
    name: 'vsock-by-socketcall',
    x64: true,
    c: 'static unsigned *args; args = low(); args[0] = AF_VSOCK; args[1] = SOCK_STREAM; return call32(102, 1, (unsigned)(unsigned long)args, 0);',
  },
  { name: 'kernel-cryptography', c: sockets('AF_ALG', 'SOCK_SEQPACKET', 0) },
  { name: 'packets', c: sockets('AF_PACKET', 'SOCK_RAW', 0) },
  { name: 'raw-ip', c: sockets('AF_INET', 'SOCK_RAW', 'IPPROTO_ICMP') },
  { name: 'sctp', c: sockets('AF_INET', 'SOCK_STREAM', 132) },
  { name: 'bluetooth', c: sockets('AF_BLUETOOTH', 'SOCK_RAW', 1) },
  { name: 'tipc', c: sockets('AF_TIPC', 'SOCK_RDM', 0) },
  { name: 'tipc-pair', c: 'int pair[2]; return socketpair(AF_TIPC, SOCK_STREAM, 0, pair);' },
  { name: 'netlink-audit', c: sockets('AF_NETLINK', 'SOCK_RAW', 9) },
  { name: 'netlink-netfilter', c: sockets('AF_NETLINK', 'SOCK_RAW', 12) },
  { name: 'netlink-generic', c: sockets('AF_NETLINK', 'SOCK_RAW', 16) },
  {
    name: 'reach-port-of-host',
    c: 'struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(HOST_PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}; return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&there, sizeof there);',
  },
  {
    name: 'reach-abstract-socket-of-host',
    c: 'struct sockaddr_un there = {.sun_family = AF_UNIX, .sun_path = "\\0" HOST_SOCKET}; return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&there, sizeof(sa_family_t) + sizeof HOST_SOCKET);',
  },
  {
    name: 'send-to-the-world',
    c: 'struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x08080808)}; return connect(socket(AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&there, sizeof there);',
  },
  {
    name: 'set-an-address',
    c: 'struct ifreq want = {.ifr_name = "lo"}; want.ifr_addr.sa_family = AF_INET; return ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFADDR, &want);',
  },
];

const kernel: Attack[] = [
  { name: 'bpf', c: calls('bpf', 0, '""', 0) },
  { name: 'perf', c: 'static char how[128]; return syscall(SYS_perf_event_open, how, 0, -1, -1, 0);' },
  { name: 'user-faults', c: calls('userfaultfd', 0) },
  { name: 'io-uring', c: 'static char how[256]; return syscall(SYS_io_uring_setup, 1, how);' },
  { name: 'io-uring-in-32-bits', x64: true, c: 'return call32(425, 1, (unsigned)(unsigned long)low(), 0);' },
  { name: 'add-key', c: calls('add_key', '"user"', '"milliner-attack"', '"x"', 1, -4) },
  { name: 'request-key', c: calls('request_key', '"user"', '"milliner-attack"', 0, -4) },
  { name: 'read-keyring', c: calls('keyctl', 0, -3, 1) },
  { name: 'watch-all-files', c: calls('fanotify_init', 0, 0) },
  { name: 'load-module', c: calls('init_module', '""', 0, '""') },
  { name: 'load-module-from-file', c: calls('finit_module', 0, '""', 0) },
  { name: 'load-kernel', c: calls('kexec_load', 0, 0, 0, 0) },
  { name: 'reboot', c: calls('reboot', '0xfee1dead', 672274793, 0, 0) },
  { name: 'swap-on', c: calls('swapon', '"/tmp/swap"', 0) },
  { name: 'account-processes', c: 'return acct("/tmp/accounts");' },
  { name: 'host-name', c: 'return sethostname("milliner-attack", 15);' },
  {
    name: 'set-clock',
    c: 'struct timespec now; clock_gettime(CLOCK_REALTIME, &now); return clock_settime(CLOCK_REALTIME, &now);',
  },
  { name: 'bend-clock', c: 'struct timex how = {.modes = ADJ_FREQUENCY}; return adjtimex(&how);' },
  { name: 'io-ports', x64: true, c: 'return iopl(3);' },
  {
    name: 'segments-of-16-bits',
    x64: true,
    c: 'static char none[16]; return syscall(SYS_modify_ldt, 0, none, 16);',
  },
  { name: 'no-random-addresses', c: 'return personality(0x0040000);' },
  { name: 'type-into-a-terminal', c: 'return ioctl(open("/dev/ptmx", O_RDWR | O_NOCTTY), TIOCSTI, "x");' },
  {
    name: 'type-with-high-bits',
    c: calls('ioctl', 'open("/dev/ptmx", O_RDWR | O_NOCTTY)', '1UL << 32 | TIOCSTI', '"x"'),
  },
  { name: 'x32', x64: true, c: calls('getpid + 0x40000000') },
];

export const attacks: readonly Attack[] = [
  ...kernelFiles,
  ...hostFiles,
  ...mounts,
  ...namespaces,
  ...processes,
  ...network,
  ...kernel,
];

export const attacksFrom = (place: Place): Attack[] => {
  const within = place === 'scriptlet' ? 'scriptlet' : 'instance';
  return attacks.filter(
    ({ only, x64 }) => (only === undefined || only === within) && (!x64 || process.arch === 'x64'),
  );
};
