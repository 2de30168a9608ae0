// Ids of a user namespace, and a thread that acts as one of them.
#pragma once
#include <cstdint>

// What is 0 to size - 1 inside is start to start + size - 1 outside.
struct Ids {
  int64_t start;
  int64_t size;
};

// Whatever the calling thread makes from now on belongs to this user and group; it may do what it could before.
// False, with errno, where the kernel refuses.
bool ActAs(uint32_t id);
