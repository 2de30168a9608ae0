/*
 * What root can try from inside a scriptlet. One line for each attempt: its name and ok, or the errno it got.
 * Opening is enough to know: nothing is written where it would hurt.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void say(const char *name, long result) {
  printf("escape: %s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");
  fflush(stdout);
}

static void try_write(const char *name, const char *path, int flags) {
  int fd = open(path, O_WRONLY | flags, 0600);
  say(name, fd);
  if (fd >= 0) close(fd);
}

static void try_read(const char *name, const char *path) {
  char byte;
  int fd = open(path, O_RDONLY);
  say(name, fd < 0 ? -1 : read(fd, &byte, 1));
  if (fd >= 0) close(fd);
}

/* The classic: a chroot below the working directory leaves the latter outside of it. */
static void leave_chroot(void) {
  mkdir("/inner", 0700);
  long result = chroot("/inner");
  for (int depth = 0; depth < 64; depth++) chdir("..");
  if (result == 0) result = chroot(".");
  say("leave-chroot", result);
  rmdir("/target/inner");
}

static void try_device(const char *name, const char *path) {
  unlink(path);
  long result = mknod(path, S_IFBLK | 0600, makedev(ROOT_MAJOR, ROOT_MINOR));
  int fd = result < 0 ? -1 : open(path, O_RDWR);
  say(name, fd);
  if (fd >= 0) close(fd);
  unlink(path);
}

int main(void) {
  try_write("core-pattern-from-target", "/proc/sys/kernel/core_pattern", 0);
  try_write("sysrq-from-target", "/proc/sysrq-trigger", 0);
  leave_chroot();
  try_write("write-root", "/milliner-escaped", O_CREAT);
  try_write("write-usr", "/usr/milliner-escaped", O_CREAT);
  try_write("write-etc", "/etc/milliner-escaped", O_CREAT);
  try_write("write-passwd", "/etc/passwd", 0);
  try_write("write-macros", "/milliner/macros", 0);
  try_write("write-packages", "/packages/milliner-escaped", O_CREAT);
  try_read("read-shadow", "/etc/shadow");
  try_read("read-root-home", "/root");
  try_write("core-pattern", "/proc/sys/kernel/core_pattern", 0);
  try_write("core-pattern-by-root", "/proc/1/root/proc/sys/kernel/core_pattern", 0);
  try_write("sysrq", "/proc/sysrq-trigger", 0);
  try_write("uevent-helper", "/sys/kernel/uevent_helper", 0);
  try_device("disk-in-target", "/target/disk");
  try_device("disk-in-target-dev", "/target/dev/disk");
  try_device("disk-in-dev", "/dev/disk");
  try_read("kmsg", "/dev/kmsg");
  try_read("kcore", "/proc/kcore");
  say("mount-tmpfs", mount("tmpfs", "/tmp", "tmpfs", 0, ""));
  say("remount-usr", mount("", "/usr", "", MS_REMOUNT | MS_BIND, ""));
  say("unmount-proc-sys", umount("/proc/sys"));
  say("new-mount-namespace", unshare(CLONE_NEWNS));
  say("new-user-namespace", unshare(CLONE_NEWUSER));
  say("load-module", syscall(SYS_init_module, "", 0, ""));
  say("bpf", syscall(SYS_bpf, 0, "", 0));
  say("keyring", syscall(SYS_add_key, "user", "milliner-escaped", "x", 1, -4));
  say("handle", syscall(SYS_open_by_handle_at, AT_FDCWD, "", 0));
  say("host-name", sethostname("escaped", 7));
  say("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
  return 0;
}
