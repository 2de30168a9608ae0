/*
 * A service for the tests of limits, and programs that take what they can. Without arguments it serves and says READY=1
 * (sd_notify(3)): port 80 answers each request with a short page, port 81 sends without end, port 82 takes all that comes;
 * UDP port 83 takes what comes.
 *   hog cpu COUNT            that many processes that compute
 *   hog memory BYTES         takes memory and uses it
 *   hog forks                processes that sleep, as many as there may be
 *   hog disk FILE            writes without end
 *   hog write|read FILE SIZE past the cache, again and again
 *   hog udp ADDRESS PORT     sends without end
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { block_size = 1 << 20, port_count = 4 };

static int listen_on(int type, int port) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
  int fd = socket(AF_INET, type, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&here, sizeof here)) exit(1);
  if (type == SOCK_STREAM && listen(fd, 512)) exit(1);
  return fd;
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

static char block[block_size] __attribute__((aligned(4096)));

static void answer(int fd) {
  static const char page[] =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfelt";
  struct timeval patience = {.tv_sec = 2};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (read(fd, block, 4096) > 0 && write(fd, page, sizeof page - 1) < 0) perror("write");
  shutdown(fd, SHUT_WR);
}

static void serve_stream(int which, int listener) {
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) return;
  if (which == 0) answer(fd);
  else if (fork() == 0) {
    while ((which == 1 ? write(fd, block, 65536) : read(fd, block, block_size)) > 0) continue;
    _exit(0);
  }
  close(fd);
}

static void serve(void) {
  struct pollfd ports[port_count];
  for (int which = 0; which < port_count; which++) {
    int type = which == 3 ? SOCK_DGRAM : SOCK_STREAM;
    ports[which] = (struct pollfd){listen_on(type, 80 + which), POLLIN, 0};
  }
  say_ready();
  for (;;) {
    if (poll(ports, port_count, -1) < 0) continue;
    for (int which = 0; which < port_count; which++) {
      if (!(ports[which].revents & POLLIN)) continue;
      if (which == 3) while (recv(ports[which].fd, block, block_size, MSG_DONTWAIT) > 0) continue;
      else serve_stream(which, ports[which].fd);
    }
  }
}

static void compute(int count) {
  for (; count > 1; count--)
    if (fork() == 0) break;
  for (;;) __asm__ volatile("");
}

static void take_memory(size_t bytes) {
  for (size_t taken = 0; taken < bytes; taken += block_size) {
    char *piece = malloc(block_size);
    if (piece) memset(piece, 1, block_size);
  }
  pause();
}

static void take_processes(void) {
  for (;;) {
    pid_t child = fork();
    if (child == 0) pause();
    if (child < 0) usleep(10000);
  }
}

static int fill(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT, 0644);
  while (write(fd, block, block_size) > 0) continue;
  perror(path);
  return 1;
}

static int transfer(const char *path, int writes, off_t size) {
  int fd = open(path, O_RDWR | O_CREAT | O_DIRECT, 0644);
  if (fd < 0) return 1;
  for (off_t at = 0; at < size; at += block_size) if (pwrite(fd, block, block_size, at) < 0) return 1;
  printf("begun\n");
  fflush(stdout);
  for (off_t at = 0;; at = (at + block_size) % size)
    if ((writes ? pwrite(fd, block, block_size, at) : pread(fd, block, block_size, at)) < 0) return 1;
}

static void send_datagrams(const char *address, int port) {
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, address, &there.sin_addr) != 1) return;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  for (;;) sendto(fd, block, 1400, 0, (struct sockaddr *)&there, sizeof there);
}

static void end(int number) {
  (void)number;
  _exit(0);
}

int main(int count, char **words) {
  signal(SIGTERM, end);
  signal(SIGCHLD, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  const char *what = count > 1 ? words[1] : "serve";
  const char *first = count > 2 ? words[2] : "";
  if (!strcmp(what, "disk")) return fill(first);
  if (!strcmp(what, "cpu")) compute(atoi(first));
  else if (!strcmp(what, "memory")) take_memory(strtoull(first, NULL, 10));
  else if (!strcmp(what, "forks")) take_processes();
  else if (!strcmp(what, "udp") && count > 3) send_datagrams(first, atoi(words[3]));
  else if (count > 3) return transfer(first, !strcmp(what, "write"), strtoull(words[3], NULL, 10));
  else serve();
  return 1;
}
