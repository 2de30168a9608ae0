/* Opens a connection to an address that nobody has (RFC 5737). */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(80)};
  inet_pton(AF_INET, "192.0.2.1", &there.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&there, sizeof there) == 0) return 0;
  perror("connect");
  return 1;
}
