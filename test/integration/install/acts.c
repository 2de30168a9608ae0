/* What a shell cannot do: each act by its name, then the exit status. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void limit_first(int resource, rlim_t most) {
  struct rlimit limit = {most, most};
  prlimit(1, resource, &limit, NULL);
}

static void act(const char *name) {
  static char flood[65536];
  memset(flood, 'x', sizeof flood);
  if (!strcmp(name, "nonblocking")) {
    for (int fd = 0; fd < 3; fd++) fcntl(fd, F_SETFL, O_NONBLOCK);
  } else if (!strcmp(name, "flood")) {
    for (int times = 0; times < 16; times++)
      if (write(2, flood, sizeof flood) < 0) break;
  } else if (!strcmp(name, "close-all")) {
    close_range(0, ~0U, 0);
  } else if (!strcmp(name, "new-session")) {
    if (fork() == 0) {
      setsid();
      if (fork() == 0) pause();
      _exit(0);
    }
    wait(NULL);
  } else if (!strcmp(name, "stop")) {
    pid_t self = getpid();
    if (fork() == 0) {
      usleep(200000);
      kill(self, SIGCONT);
      _exit(0);
    }
    raise(SIGSTOP);
  } else if (!strcmp(name, "packets")) {
    for (int fd = 1; fd < 3; fd++) fcntl(fd, F_SETFL, O_DIRECT), fcntl(fd, F_SETPIPE_SZ, 4096);
  } else if (!strcmp(name, "first-memory")) {
    int fd = open("/proc/1/mem", O_RDWR);
    if (fd >= 0) _exit(99);
  } else if (!strcmp(name, "first-stderr")) {
    int fd = open("/proc/1/fd/2", O_WRONLY);
    if (fd >= 0) _exit(99);
  } else if (!strcmp(name, "signals-first")) {
    for (int signal = 1; signal < 32; signal++)
      if (signal != SIGTERM && signal != SIGINT && signal != SIGHUP && signal != SIGQUIT && signal != SIGPIPE) kill(1, signal);
  } else if (!strcmp(name, "no-files-for-first")) {
    limit_first(RLIMIT_NOFILE, 3);
  } else {
    _exit(98);
  }
}

int main(int count, char **names) {
  for (int index = 1; index + 1 < count; index++) act(names[index]);
  return count > 1 ? atoi(names[count - 1]) : 97;
}
