#include "tracee.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace {

constexpr size_t kMaxScript = 1024 * 1024;

std::string ProcPath(pid_t pid, const std::string& name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::string ReadBounded(int fd, size_t most) {
  std::string bytes;
  char piece[16384];
  for (ssize_t length; bytes.size() <= most && (length = read(fd, piece, sizeof piece)) > 0;) {
    bytes.append(piece, static_cast<size_t>(length));
  }
  close(fd);
  return bytes;
}

// proc_pid_stat(5): the state follows the name, which may contain anything. A process whose first thread has ended
// looks dead there, while its other threads run.
bool IsAlive(pid_t pid) {
  const std::string stat = ReadProc(pid, "stat");
  const size_t name = stat.rfind(')');
  if (name == std::string::npos || name + 2 >= stat.size()) return false;
  return (stat[name + 2] != 'Z' && stat[name + 2] != 'X') || StatusNumber(pid, "Threads") > 1;
}

}  // namespace

std::optional<Stop> TakeStop(pid_t tracee) {
  siginfo_t info{};
  const int taken = waitid(P_PID, static_cast<id_t>(tracee), &info, WSTOPPED | WNOHANG | __WALL | __WNOTHREAD);
  if (taken != 0 || info.si_pid != tracee) return std::nullopt;
  return Stop{info.si_status & 0xff, info.si_status >> 8};
}

std::string ReadProc(pid_t pid, const std::string& name, size_t most) {
  const int fd = open(ProcPath(pid, name).c_str(), O_RDONLY | O_CLOEXEC);
  return fd < 0 ? "" : ReadBounded(fd, most);
}

pid_t StatusNumber(pid_t pid, const std::string& key) {
  const std::string status = ReadProc(pid, "status");
  const size_t at = status.find("\n" + key + ":");
  return at == std::string::npos ? 0 : atoi(status.c_str() + at + key.size() + 2);
}

std::vector<pid_t> LivingChildren(pid_t pid) {
  std::vector<pid_t> living;
  const std::string children = ReadProc(pid, "task/" + std::to_string(pid) + "/children");
  const char* at = children.c_str();
  for (char* next = nullptr;; at = next) {
    const pid_t child = static_cast<pid_t>(strtol(at, &next, 10));
    if (next == at) return living;
    if (IsAlive(child)) living.push_back(child);
  }
}

std::string OpenFile(pid_t pid, int fd) {
  char name[PATH_MAX];
  const ssize_t length = readlink(ProcPath(pid, "fd/" + std::to_string(fd)).c_str(), name, sizeof name);
  return length < 0 ? "" : std::string(name, static_cast<size_t>(length));
}

bool HasUnread(int pipe) {
  int bytes = 0;
  return ioctl(pipe, FIONREAD, &bytes) == 0 && bytes > 0;
}

bool HoldsAny(pid_t pid, const std::vector<std::string>& files) {
  DIR* directory = opendir(ProcPath(pid, "fd").c_str());
  if (directory == nullptr) return false;
  bool isFound = false;
  while (const dirent* entry = readdir(directory)) {
    const std::string file = OpenFile(pid, atoi(entry->d_name));
    if (std::find(files.begin(), files.end(), file) != files.end()) isFound = true;
  }
  closedir(directory);
  return isFound;
}

std::optional<std::string> ReadScript(pid_t pid, const std::string& path) {
  const int root = open(ProcPath(pid, "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return std::nullopt;
  // Links are followed inside the program's own root, never to the host.
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const int fd = static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
  close(root);
  if (fd < 0) return std::nullopt;
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    return std::nullopt;
  }
  std::string bytes = ReadBounded(fd, kMaxScript);
  if (bytes.size() > kMaxScript) return std::nullopt;
  return bytes;
}
