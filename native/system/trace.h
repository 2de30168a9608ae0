// Records of the programs that one process started.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "task.h"

struct Program {
  // Whether it has executed a program; a fork need not.
  bool hasRun = false;
  // As in /proc/PID/cmdline, each with a NUL behind it.
  std::string arguments;
  // Content of the script file that rpm wrote for it, if one is among the arguments.
  std::optional<std::string> script;
  // Nanoseconds since 1970. Its changes have a time in this interval, and so have only those of programs that run
  // beside it.
  int64_t begin = 0, end = 0;
  // As from waitpid(2).
  int status = 0;
  // Whether nothing else ran when it began.
  bool isAlone = false;
  // Whether a process that it started still ran when it ended.
  bool leaves = false;
  // Whether such a process still ran when the traced process ended, and was killed then.
  bool outlives = false;
};

struct Trace {
  std::vector<Program> programs;
  // Whether the process ran its program, was protected from the programs that it starts, and was followed to its end.
  bool isComplete = false;
  // Number of processes that still ran then.
  uint32_t left = 0;
  // False if a set clock, or too many programs, make the times unreliable.
  bool isSteady = true;
};

// Called from the tracer's own thread. No end follows a failure.
struct TraceEvents {
  std::function<void(std::optional<SystemError>)> onSeized;
  std::function<void(Trace)> onEnd;
};

// Seizes a process that has yet to execute the program with these arguments, and traces each of its children. The
// kernel kills it if this process dies, because no process would enforce its limits then. When it executes its program,
// its memory and its open files become inaccessible to the programs that it starts, whatever user they have
// (PR_SET_DUMPABLE). If `words` is the writing end of a pipe that the process has as descriptor 3, its children get
// that as standard output and error.
void FollowChildren(pid_t root, const std::string& arguments, int words, const TraceEvents& events);
