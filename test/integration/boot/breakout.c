/*
 * What root can try from inside an instance. One line for each attempt: its name and ok, or the errno it got.
 * Opening is enough to know: nothing is written where it would hurt.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *name, long result) {
  printf("attempt: %s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");
  fflush(stdout);
}

static void try_open(const char *path, int flags) {
  int fd = open(path, flags, 0600);
  char name[300];
  snprintf(name, sizeof name, "open %s", path);
  say(name, fd);
  if (fd >= 0) close(fd);
}

static void try_device(const char *name, int type, int device) {
  long result = mknod("/device", type | 0600, device);
  int fd = result < 0 ? -1 : open("/device", O_RDONLY);
  say(name, fd);
  if (fd >= 0) close(fd);
  unlink("/device");
}

static void try_connect(const char *name, int port) {
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  say(name, connect(fd, (struct sockaddr *)&there, sizeof there));
  close(fd);
}

static void try_socket(const char *name, int domain, int type, int protocol) {
  int fd = socket(domain, type, protocol);
  say(name, fd);
  if (fd >= 0) close(fd);
}

static void try_address(void) {
  struct ifreq request = {0};
  strcpy(request.ifr_name, "lo");
  struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
  address->sin_family = AF_INET;
  inet_pton(AF_INET, "192.0.2.1", &address->sin_addr);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  say("set-address", ioctl(fd, SIOCSIFADDR, &request));
  close(fd);
}

/* A process in the instance that waits for us, to trace. */
static void try_trace(void) {
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  long word = 0;
  struct iovec here = {&word, sizeof word}, there = {(void *)&try_trace, sizeof word};
  say("trace", ptrace(PTRACE_ATTACH, child, 0, 0));
  say("read-memory", process_vm_readv(child, &here, 1, &there, 1, 0));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

static void try_namespaces(void) {
  const struct {
    const char *name;
    int flag;
  } kinds[] = {{"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"network", CLONE_NEWNET}, {"pid", CLONE_NEWPID}};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    char name[40];
    snprintf(name, sizeof name, "unshare-%s", kinds[i].name);
    say(name, unshare(kinds[i].flag));
    snprintf(name, sizeof name, "clone-%s", kinds[i].name);
    pid_t child = syscall(SYS_clone, kinds[i].flag | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    say(name, child);
  }
}

/* Shared memory is bounded: the writer gets the error. */
static void fill(const char *path) {
  static char block[1 << 20];
  int fd = open(path, O_WRONLY | O_CREAT, 0600), megabytes = 0;
  while (megabytes < 1024 && write(fd, block, sizeof block) == sizeof block) megabytes++;
  say("fill-shm", megabytes < 1024 ? -1 : 0);
  close(fd);
  unlink(path);
}

static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(void) {
  signal(SIGTERM, end);
  try_open("/proc/sys/kernel/core_pattern", O_WRONLY);
  try_open("/proc/sys/vm/drop_caches", O_WRONLY);
  try_open("/proc/sys/net/ipv4/ip_forward", O_WRONLY);
  try_open("/proc/1/root/proc/sys/kernel/core_pattern", O_WRONLY);
  try_open("/proc/sysrq-trigger", O_WRONLY);
  try_open("/proc/irq/default_smp_affinity", O_WRONLY);
  try_open("/proc/timer_list/", O_RDONLY);
  try_open("/sys/kernel/uevent_helper", O_WRONLY);
  try_open("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY);
  try_open("/sys/fs/cgroup/cgroup.procs", O_WRONLY);
  try_open("/sys/fs/cgroup/memory/cgroup.procs", O_WRONLY);
  try_open("/sys/fs/cgroup/memory/memory.limit_in_bytes", O_WRONLY);
  try_open("/sys/fs/cgroup/unified/cgroup.procs", O_WRONLY);
  try_open("/dev/kmsg", O_RDONLY);
  try_open("/dev/mem", O_RDONLY);
  try_open("/dev/sda", O_RDONLY);
  try_open("/dev/vda", O_RDONLY);
  try_open("/dev/fuse", O_RDWR);
  try_open("/dev/loop-control", O_RDWR);
  try_open(CHECKOUT "/package.json", O_RDONLY);
  try_open(STATE "/images", O_RDONLY | O_DIRECTORY);
  try_open("/proc/1/root" STATE "/images", O_RDONLY | O_DIRECTORY);
  try_open("/proc/1/cwd/../../../../../.." STATE, O_RDONLY | O_DIRECTORY);
  for (int fd = 3; fd < 64; fd++) {
    struct stat found;
    char name[20];
    snprintf(name, sizeof name, "inherited-%d", fd);
    if (fstat(fd, &found) == 0) say(name, 0);
  }
  try_device("disk", S_IFBLK, makedev(ROOT_MAJOR, ROOT_MINOR));
  try_device("kernel-log-device", S_IFCHR, makedev(1, 11));
  try_device("memory-device", S_IFCHR, makedev(1, 1));
  static char log[64];
  say("kernel-log", klogctl(3, log, sizeof log));
  say("mount-tmpfs", mount("tmpfs", "/mnt", "tmpfs", 0, ""));
  say("mount-proc", mount("proc", "/proc", "proc", 0, ""));
  say("mount-bind", mount("/proc", "/tmp", "", MS_BIND, ""));
  say("remount-sys", mount("", "/sys", "", MS_REMOUNT | MS_BIND, ""));
  say("unmount-proc-sys", umount("/proc/sys"));
  say("unmount-sys", umount2("/sys", MNT_DETACH));
  say("pivot-root", syscall(SYS_pivot_root, "/", "/"));
  say("new-mount-interface", syscall(SYS_fsopen, "tmpfs", 0));
  try_namespaces();
  try_trace();
  say("kill-host", kill(HOST_PID, SIGKILL));
  try_connect("connect-host", HOST_PORT);
  try_connect("connect-registry", 5000);
  try_socket("raw-socket", AF_INET, SOCK_RAW, IPPROTO_ICMP);
  try_socket("packet-socket", AF_PACKET, SOCK_RAW, 0);
  try_address();
  say("bpf", syscall(SYS_bpf, 0, "", 0));
  say("perf", syscall(SYS_perf_event_open, 0, 0, 0, 0, 0));
  say("user-faults", syscall(SYS_userfaultfd, 0));
  say("io-uring", syscall(SYS_io_uring_setup, 1, log));
  say("keyring", syscall(SYS_add_key, "user", "milliner-breakout", "x", 1, -4));
  say("keyring-read", syscall(SYS_keyctl, 0, -4, 0));
  say("handle", syscall(SYS_open_by_handle_at, AT_FDCWD, "", 0));
  say("load-module", syscall(SYS_init_module, "", 0, ""));
  say("load-kernel", syscall(SYS_kexec_load, 0, 0, NULL, 0));
  say("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
  say("swap", syscall(SYS_swapon, "/device", 0));
  say("host-name", sethostname("escaped", 7));
  struct timeval now;
  gettimeofday(&now, NULL);
  say("clock", settimeofday(&now, NULL));
  say("nice", setpriority(PRIO_PROCESS, 0, -20));
  struct sched_param real = {.sched_priority = 1};
  say("real-time", sched_setscheduler(0, SCHED_FIFO, &real));
  struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
  say("more-files", setrlimit(RLIMIT_NOFILE, &most));
  int fd = open("/proc/self/oom_score_adj", O_WRONLY);
  say("survive-oom", write(fd, "-1000", 5));
  close(fd);
  fill("/dev/shm/full");
  printf("over\n");
  fflush(stdout);
  for (;;) pause();
}
