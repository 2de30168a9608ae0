/*
 * The first process of a machine that belongs to an attacker: it has the kernel, every device and the port to the host.
 * Each attempt is one line on the console, with what came of it. ADDRESS, NEIGHBOUR and BRIDGE are of its network, MAC
 * and NEIGHBOUR_MAC as twelve digits. The last attempt sends what is no frame, for which the host ends the machine.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int port = -1;

static void say(const char *name, const char *what) {
  printf("attempt %s %s\n", name, what);
  fflush(stdout);
}

/* In a process of its own: the kernel may end it. */
static void attempt(const char *name, long (*try)(void)) {
  pid_t child = fork();
  if (child == 0) {
    alarm(5);
    errno = 0;
    long result = try();
    say(name, result < 0 ? strerrorname_np(errno) : "ok");
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) say(name, "signal");
}

static struct {
  const char *name;
  long (*try)(void);
} all[200];
static unsigned attempts;

#define ATTEMPT(what, ...)   \
  static long try_##what(void) { __VA_ARGS__ }                           \
  __attribute__((constructor)) static void add_##what(void) {            \
    all[attempts].name = #what;                                          \
    all[attempts++].try = try_##what;                                    \
  }

/* The port to the host, whatever its number is. */
static const char *port_path(void) {
  static char path[300] = "/dev/none";
  struct dirent **names;
  int count = scandir("/sys/class/virtio-ports", &names, NULL, alphasort);
  for (int at = 0; at < count; at++)
    if (names[at]->d_name[0] != '.') snprintf(path, sizeof path, "/dev/%s", names[at]->d_name);
  return path;
}

#include "overtake.h"

static void load_modules(void) {
  struct dirent **names;
  int count = scandir("/modules", &names, NULL, alphasort);
  for (int at = 0; at < count; at++) {
    char path[300];
    snprintf(path, sizeof path, "/modules/%s", names[at]->d_name);
    int fd = open(path, O_RDONLY);
    if (names[at]->d_name[0] != '.' && fd >= 0) syscall(SYS_finit_module, fd, "", 0);
    close(fd);
  }
}

/* Every device on every bus: the host counts them. */
static void list_devices(void) {
  struct dirent **names;
  int count = scandir("/sys/bus/pci/devices", &names, NULL, alphasort);
  for (int at = 0; at < count; at++) {
    char path[300], vendor[8] = "", device[8] = "";
    if (names[at]->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/vendor", names[at]->d_name);
    int fd = open(path, O_RDONLY);
    read(fd, vendor, 6);
    close(fd);
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/device", names[at]->d_name);
    fd = open(path, O_RDONLY);
    read(fd, device, 6);
    close(fd);
    printf("device %s:%s\n", vendor + 2, device + 2);
  }
}

int main(void) {
  mount("proc", "/proc", "proc", 0, "");
  mount("sysfs", "/sys", "sysfs", 0, "");
  mount("devtmpfs", "/dev", "devtmpfs", 0, "");
  int console = open("/dev/console", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(console, fd);
  load_modules();
  sleep(1);
  static char filling[1 << 16];
  memset(filling, 'x', sizeof filling);
  for (int round = 0; round < 2; round++) write(1, filling, sizeof filling);
  say("fill-the-console", "ok");
  iopl(3);
  list_devices();
  for (unsigned at = 0; at < attempts; at++) attempt(all[at].name, all[at].try);
  printf("over\n");
  fflush(stdout);
  frames_of_no_kind();
  for (;;) pause();
}
