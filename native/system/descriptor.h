// An open descriptor that is closed with its scope.
#pragma once
#include <unistd.h>

struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(Descriptor&& other) : fd(other.Release()) {}
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  // For what outlives the scope.
  int Release() {
    const int held = fd;
    fd = -1;
    return held;
  }
  int fd;
};
