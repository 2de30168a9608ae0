// Processes of the image.
#pragma once
#include <sys/types.h>

#include <string>

#include "settings.h"

// Our ends of a program's standard streams; each -1 once it is closed.
struct Pipes {
  int in = -1, out = -1, err = -1;
};

struct Started {
  // 0 where it was not started.
  pid_t pid = 0;
  Pipes pipes;
  // Whether the image is at fault where it was not, and why.
  bool image = false;
  std::string problem;
};

// Starts the image's first process, in namespaces of its own.
Started StartFirst(const Settings& settings);
// Writes the kernel's tables of the sockets of the machine, one after the other.
Started StartTables();
// Starts another one in the namespaces of the first, as the same user.
Started StartBeside(const Settings& settings, const Program& program, pid_t first);
