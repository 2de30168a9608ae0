/**
 * System calls that programs of a package or an image may make. A call in neither table fails with ENOSYS, after which
 * C libraries and systemd use an older one. The list is at least as narrow as podman's default (containers/common,
 * seccomp.json); a test compares them.
 */

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Includes calls of older architectures and of 64-bit times; libseccomp skips those that the processor lacks. */
const allowed: Record<string, string> = {
  files: `
    access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchown fchown32 fchownat fcntl fcntl64 fdatasync flock
    fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64
    lchown lchown32 link linkat _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat newfstatat open openat openat2
    pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
    rename renameat renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statx symlink symlinkat sync
    sync_file_range sync_file_range2 arm_sync_file_range arm_fadvise64_64 syncfs tee truncate truncate64 umask unlink
    unlinkat utime utimensat utimensat_time64 utimes write writev`,
  attributes: `
    fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr lremovexattr lsetxattr
    removexattr setxattr`,
  events: `
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_setup
    io_submit _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4
    timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64`,
  memory: `
    brk get_mempolicy madvise mbind membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2
    mprotect mremap msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease
    remap_file_pages set_mempolicy`,
  processes: `
    arch_prctl breakpoint cacheflush chroot execve execveat exit exit_group fork futex futex_time64 get_robust_list
    get_thread_area getcpu getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid gettid ioprio_get
    ioprio_set landlock_add_rule landlock_create_ruleset landlock_restrict_self pidfd_open prctl prlimit64 rseq
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield seccomp set_robust_list set_thread_area set_tid_address set_tls setpgid setpriority
    setrlimit setsid sysinfo ugetrlimit uname vfork wait4 waitid waitpid`,
  identity: `
    capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
    getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups
    setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  signals: `
    alarm getitimer kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo setitimer
    sigaltstack signal sigprocmask sigreturn tgkill tkill`,
  time: `
    adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 getrandom gettimeofday nanosleep time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 times`,
  sockets: `
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
    recvmsg send sendmmsg sendmsg sendto setsockopt shutdown`,
  ipc: `
    ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
};

export const allowedCalls: readonly string[] = Object.values(allowed).flatMap(words);

/** Calls that some version of podman allows, with the reason why they fail with EPERM here. */
const refusedHere: Record<string, string> = {
  'the administrator of a namespace of its own reaches most of the kernel': 'setns unshare',
  'mounts are made before the program starts': `
    fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root umount umount2`,
  'a scriptlet has the same user as rpm, whose memory and open files are no business of its': `
    pidfd_getfd process_vm_readv process_vm_writev ptrace`,
  'keyrings are shared by all that run as the same user of the host': 'keyctl',
  'handles name files that lie outside of what is mounted': 'name_to_handle_at',
  "the kernel's log is the host's": 'syslog',
  'the host is not to be stopped': 'reboot',
  'one watch sees files of all that share a file system': 'fanotify_init fanotify_mark',
};

/** Calls that need capabilities which no container has here, and two that only make keys. */
const refusedByPodman = `
  acct add_key bdflush bpf clock_settime clock_settime64 delete_module finit_module init_module
  io_pgetevents io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load
  lookup_dcookie migrate_pages move_pages nfsservctl open_by_handle_at perf_event_open process_madvise query_module
  quotactl request_key setdomainname sethostname settimeofday stime swapoff swapon sysfs uselib userfaultfd ustat
  vhangup vm86 vm86old vmsplice`;

export const refusedCalls: readonly string[] = [...Object.values(refusedHere), refusedByPodman].flatMap(
  words,
);

/** Calls that some version of podman allows, with the reason why they fail with ENOSYS here. */
const absentHere: Record<string, string> = {
  'C libraries do without': 'fchmodat2',
  'of an older kind, whose successors are there': 'readdir sigaction sigpending sigsuspend timerfd',
  'segments of 16-bit programs, in which processors and kernels had faults': 'modify_ldt',
  'names the call that it makes in memory or an argument, past every rule': 'socketcall syscall',
  'its flags lie in memory, where no filter can look: C libraries then use clone': 'clone3',
};

/** By name: why Milliner restricts the call more than podman does. */
export const narrowerThanPodman: ReadonlyMap<string, string> = new Map([
  ...[...Object.entries(refusedHere), ...Object.entries(absentHere)].flatMap(([reason, names]) =>
    words(names).map((name): [string, string] => [name, reason]),
  ),
  ['clone', 'no namespaces, for the reason of unshare'],
  ['ioctl', "no words put into a terminal's input (TIOCSTI, TIOCLINUX)"],
  ['socket', 'only the families and protocols that programs of an image talk to each other with'],
  ['socketpair', 'only of the family that has pairs'],
]);
