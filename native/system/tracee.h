// Reads /proc of a process that may be killed at any time, and may try to deceive the reader.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

constexpr size_t kMaxArguments = 64 * 1024;

struct Stop {
  int signal, event;
};
// The stop of a process; nothing if it was killed since. Its end must still be waited for, and waitpid(2) would return
// that instead of the stop.
std::optional<Stop> TakeStop(pid_t tracee);

// '' if the process does not exist any more.
std::string ReadProc(pid_t pid, const std::string& name, size_t most = kMaxArguments);

// 0 if the process does not exist any more.
pid_t StatusNumber(pid_t pid, const std::string& key);

// Its children that have not ended. Orphans of its children belong to the first process of the namespace.
std::vector<pid_t> LivingChildren(pid_t pid);

// Name of a pipe or file, such as pipe:[1234]; '' if the descriptor is not open.
std::string OpenFile(pid_t pid, int fd);
// Whether a pipe has data that was not read yet.
bool HasUnread(int pipe);

bool HoldsAny(pid_t pid, const std::vector<std::string>& files);

// At most 1 MiB, and never a file of the host.
std::optional<std::string> ReadScript(pid_t pid, const std::string& path);
