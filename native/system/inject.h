// System calls that a traced process makes because its tracer says so: what only it can do to itself.
#pragma once
#include <sys/types.h>

#include <array>
#include <optional>

// The tracee is stopped right behind a system call: at its end, or as the child that a fork has made. Gives what the
// kernel answers, -ENOEXEC where the tracee has no such instruction there; nothing where it was killed meanwhile, of
// which waitpid(2) tells next. Needs PTRACE_O_TRACESYSGOOD.
std::optional<long> CallInside(pid_t tracee, long number, std::array<unsigned long, 3> arguments);

// From an execve(2) that has just succeeded to the end of the program's first system call; false where it was killed.
bool ToFirstCall(pid_t tracee);
