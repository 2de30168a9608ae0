/* What the attacks share. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <sys/io.h>
#endif
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long secret = 42;

/* The classic: a chroot below the working directory leaves the latter outside of it. */
static void leave_chroot(void) {
  mkdir("/milliner-inner", 0700);
  if (chroot("/milliner-inner") == 0) {
    for (int depth = 0; depth < 64; depth++) chdir("..");
    chroot(".");
  }
  rmdir("/milliner-inner");
  rmdir("/target/milliner-inner");
}

static long device(int type, int number) {
  const char *path = "/tmp/milliner-device";
  unlink(path);
  long result = mknod(path, type | 0600, number);
  if (result == 0) result = open(path, O_RDONLY);
  int why = errno;
  unlink(path);
  errno = why;
  return result;
}

/* A child that waits; it ends with its parent. */
static pid_t sleeper(void) {
  pid_t child = fork();
  if (child == 0) {
    alarm(3);
    pause();
    _exit(0);
  }
  return child;
}

/* A child that was started in a namespace of its own ends at once. */
static long started(long child) {
  if (child == 0) _exit(0);
  return child;
}

#ifdef __x86_64__
/* A page whose address 32 bits hold. */
static void *low(void) {
  return mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

/* A system call by the numbers of i386, through the gate that any program may use. */
static long call32(unsigned number, unsigned a, unsigned b, unsigned c) {
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
  if (result < 0) errno = -result;
  return result < 0 ? -1 : result;
}
#endif

static long gain(int capability) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0}};
  syscall(SYS_capget, &head, data);
  data[0].effective |= 1u << capability;
  data[0].permitted |= 1u << capability;
  return syscall(SYS_capset, &head, data);
}

/* Whether uid 0 is the host's. */
static long maps_root(void) {
  unsigned inside = 1, outside = 1;
  FILE *map = fopen("/proc/self/uid_map", "r");
  if (map && fscanf(map, "%u %u", &inside, &outside) != 2) outside = 1;
  errno = EPERM;
  return inside == 0 && outside == 0 ? 0 : -1;
}
