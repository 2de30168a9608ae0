// IDs of a user namespace, and a thread that acts with one of them.
#pragma once
#include <cstdint>

// IDs 0 to size - 1 inside are start to start + size - 1 outside.
struct Ids {
  int64_t start;
  int64_t size;
};

// Files that the calling thread makes from now on belong to this user and group; it keeps its rights. False, with
// errno, if the kernel refuses.
bool ActAs(uint32_t id);
