/*
 * A service for the tests: port 7 sends back what comes, port 9 answers after the end of what came with its sum,
 * port 5 closes at once, port 6 is port 7 for IPv6 alone, port 8 sends back datagrams. Says READY=1 (sd_notify(3)) once it listens, prints a line, and ends when asked to.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void end(int signal) {
  (void)signal;
  const char text[] = "ending\n";
  if (write(1, text, sizeof text - 1) < 0) _exit(1);
  _exit(0);
}

static int listen_on(int type, int port) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
  int fd = socket(AF_INET, type, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&here, sizeof here)) exit(1);
  if (type == SOCK_STREAM && listen(fd, 128)) exit(1);
  return fd;
}

/* Nothing where the kernel has no IPv6: poll(2) overlooks what is no descriptor. */
static int listen_on_6(int port) {
  struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  if (fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof here) == 0 && listen(fd, 128) == 0) return fd;
  return -1;
}

static void say_ready(void) {
  const char *path = getenv("NOTIFY_SOCKET");
  if (!path) return;
  struct sockaddr_un there = {.sun_family = AF_UNIX};
  strncpy(there.sun_path, path, sizeof there.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&there, sizeof there) < 0) perror("notify");
  close(fd);
}

static void echo(int fd) {
  static char block[1 << 16];
  for (ssize_t length; (length = read(fd, block, sizeof block)) > 0;)
    for (ssize_t at = 0; at < length;) {
      ssize_t written = write(fd, block + at, length - at);
      if (written < 0) return;
      at += written;
    }
}

static void echo_datagram(int fd) {
  static char block[1 << 16];
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  ssize_t length = recvfrom(fd, block, sizeof block, 0, (struct sockaddr *)&from, &size);
  if (length >= 0) sendto(fd, block, length, 0, (struct sockaddr *)&from, size);
}

/* FNV-1a, 64 bits. */
static void sum(int fd) {
  static unsigned char block[1 << 16];
  uint64_t hash = 0xcbf29ce484222325u, bytes = 0;
  for (ssize_t length; (length = read(fd, block, sizeof block)) > 0; bytes += length)
    for (ssize_t at = 0; at < length; at++) hash = (hash ^ block[at]) * 0x100000001b3u;
  dprintf(fd, "%llu %016llx\n", (unsigned long long)bytes, (unsigned long long)hash);
}

int main(void) {
  signal(SIGTERM, end);
  signal(SIGCHLD, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  struct pollfd ports[] = {{listen_on(SOCK_STREAM, 7), POLLIN, 0},
                           {listen_on(SOCK_STREAM, 9), POLLIN, 0},
                           {listen_on(SOCK_STREAM, 5), POLLIN, 0},
                           {listen_on_6(6), POLLIN, 0},
                           {listen_on(SOCK_DGRAM, 8), POLLIN, 0}};
  say_ready();
  printf("listening\n");
  fflush(stdout);
  for (;;) {
    if (poll(ports, 5, -1) < 0) continue;
    for (int which = 0; which < 5; which++) {
      if (!(ports[which].revents & POLLIN)) continue;
      if (which == 4) {
        echo_datagram(ports[which].fd);
        continue;
      }
      int fd = accept(ports[which].fd, NULL, NULL);
      if (fd < 0) continue;
      if (which != 2 && fork() == 0) {
        if (which == 1) sum(fd);
        else echo(fd);
        _exit(0);
      }
      close(fd);
    }
  }
}
