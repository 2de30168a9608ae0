// What the kernel's /proc tells of a process that may be killed at any time, and may want to deceive whoever reads it.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

constexpr size_t kMostArguments = 64 * 1024;

struct Stop {
  int signal, event;
};
// Of a process that stopped; nothing where it has been killed since. Its end stays to be waited for: waitpid(2) would
// take that in place of the stop.
std::optional<Stop> TakeStop(pid_t tracee);

// '' where there is none any more.
std::string ReadProc(pid_t pid, const std::string& name, size_t most = kMostArguments);

// 0 where there is none any more.
pid_t StatusNumber(pid_t pid, const std::string& key);

// Those of its children that have not ended; what else lived as a child of theirs comes to the first process of the
// namespace.
std::vector<pid_t> LivingChildren(pid_t pid);

// A pipe's or a file's name, such as pipe:[1234]; '' where it is not open.
std::string OpenFile(pid_t pid, int fd);
// Whether somebody has yet to read what was written into a pipe.
bool HasUnread(int pipe);

bool HoldsAny(pid_t pid, const std::vector<std::string>& files);

// At most 1 MiB, and never a file of the host's.
std::optional<std::string> ReadScript(pid_t pid, const std::string& path);
