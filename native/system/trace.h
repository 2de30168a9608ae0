// What one process started, as the kernel tells it.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "task.h"

struct Program {
  // It has executed something; a fork that goes on by itself has not.
  bool hasRun = false;
  // As in /proc/PID/cmdline, each with a NUL behind it.
  std::string arguments;
  // Of the file that rpm has written for it, where one is among the arguments.
  std::optional<std::string> script;
  // Nanoseconds since 1970. What it changed bears a time between these, and nothing else does but what runs beside it.
  int64_t begin = 0, end = 0;
  // As from waitpid(2).
  int status = 0;
  // Nothing else ran when it began.
  bool isAlone = false;
  // Something still ran when it ended.
  bool leaves = false;
  // What it left, or what was left by then beside it, still ran when the traced process ended, and ended with that.
  bool outlives = false;
};

struct Trace {
  std::vector<Program> programs;
  // The process did run its program, was put out of reach of what it starts, and was followed to its end.
  bool isComplete = false;
  // How many still ran then.
  uint32_t left = 0;
  // Neither the clock nor the number of programs spoils what the times tell.
  bool isSteady = true;
};

// Called from a thread of the tracer's own. After a failure no end comes.
struct TraceEvents {
  std::function<void(std::optional<SystemError>)> onSeized;
  std::function<void(Trace)> onEnd;
};

// Seizes a process that has yet to execute the program with these arguments, and follows each child from then on. The
// kernel kills it where we die: nobody would be left who holds it to its limits. As soon as it executes, its memory and
// what it has open are closed to what it starts, whoever runs that (PR_SET_DUMPABLE); and where `words` is the writing
// end of a pipe that the process has as descriptor 3, its children get that as their standard output and error in place
// of its own.
void FollowChildren(pid_t root, const std::string& arguments, int words, const TraceEvents& events);
