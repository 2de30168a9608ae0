// Makes a traced process execute system calls, for changes that only the process itself can make.
#pragma once
#include <sys/types.h>

#include <array>
#include <optional>

// The tracee must be stopped right after a system call: at its end, or as the new child of a fork. Returns the kernel's
// result, or -ENOEXEC if there is no such instruction. Returns nothing if it was killed in the meantime, which the next
// waitpid(2) reports. Needs PTRACE_O_TRACESYSGOOD.
std::optional<long> CallInside(pid_t tracee, long number, std::array<unsigned long, 3> arguments);

// Continues from a successful execve(2) to the end of the program's first system call; false if it was killed.
bool ToFirstCall(pid_t tracee);
