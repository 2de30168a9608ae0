/* Says that it is ready, and then sends to NOTIFY_SOCKET without end: every child as fast as it can. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(void) {
  struct sockaddr_un there = {.sun_family = AF_UNIX};
  strncpy(there.sun_path, getenv("NOTIFY_SOCKET"), sizeof there.sun_path - 1);
  signal(SIGTERM, end);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  static char junk[100000];
  memset(junk, 'x', sizeof junk);
  memcpy(junk, "STATUS=", 7);
  for (int child = 0; child < 2; child++)
    if (fork() == 0)
      for (;;) sendto(fd, junk, sizeof junk, 0, (struct sockaddr *)&there, sizeof there);
  sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&there, sizeof there);
  for (;;) pause();
}
