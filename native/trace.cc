// Follows the programs that one process starts, from outside of its container: ptrace(2). Begin, end and status come
// from the kernel, where nothing that runs inside can spoil them.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <thread>
#include <vector>

#include "task.h"
#include "trace.h"

namespace {

// A tracee is known to the thread alone that traces it: waits without __WNOTHREAD would take Node's own children.
constexpr int kOurs = __WALL | __WNOTHREAD;

// Whoever keeps the limits of what is traced has died with us: it ends too, and all of its process namespace.
constexpr long kLeash = PTRACE_O_EXITKILL;
constexpr long kRootOptions = kLeash | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
// What a program starts is its own affair. Its threads are followed: an exec by one of them would else escape.
constexpr long kProgramOptions = kLeash | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE;

constexpr size_t kMostArguments = 64 * 1024;
constexpr size_t kMostScript = 1024 * 1024;
// A package can make rpm run as many programs as it likes: what is kept of them has a bound.
constexpr size_t kMostKept = 64 * 1024 * 1024;
constexpr size_t kMostPrograms = 100'000;

int64_t Clock(clockid_t clock) {
  timespec now;
  // Past libraries that tell a program another time: files are stamped by the kernel.
  syscall(SYS_clock_gettime, clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
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

// '' where there is none any more: a process may be killed at any time.
std::string ReadProc(pid_t pid, const std::string& name, size_t most = kMostArguments) {
  const int fd = open(("/proc/" + std::to_string(pid) + "/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  return fd < 0 ? "" : ReadBounded(fd, most);
}

pid_t StatusNumber(pid_t pid, const std::string& key) {
  const std::string status = ReadProc(pid, "status");
  const size_t at = status.find("\n" + key + ":");
  return at == std::string::npos ? 0 : atoi(status.c_str() + at + key.size() + 2);
}

// proc_pid_stat(5): the state stands behind the name, which may hold anything. A process whose first thread has ended
// looks dead there, and its other threads go on.
bool IsAlive(pid_t pid) {
  const std::string stat = ReadProc(pid, "stat");
  const size_t name = stat.rfind(')');
  if (name == std::string::npos || name + 2 >= stat.size()) return false;
  return (stat[name + 2] != 'Z' && stat[name + 2] != 'X') || StatusNumber(pid, "Threads") > 1;
}

std::optional<std::string> ReadScript(pid_t pid, const std::string& path) {
  const int root = open(("/proc/" + std::to_string(pid) + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
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
  std::string bytes = ReadBounded(fd, kMostScript);
  if (bytes.size() > kMostScript) return std::nullopt;
  return bytes;
}

class Tracer {
 public:
  Tracer(pid_t root, std::string arguments) : root_(root), arguments_(std::move(arguments)) {}

  // From then on the calling thread alone may call Follow.
  void Seize() {
    if (ptrace(PTRACE_SEIZE, root_, 0, kLeash | PTRACE_O_TRACEEXEC) != 0) Fail("ptrace", "pid " + std::to_string(root_));
    // Without this list nobody could say whether something runs in the background.
    const std::string children = "task/" + std::to_string(root_) + "/children";
    if (access(("/proc/" + std::to_string(root_) + "/" + children).c_str(), R_OK) != 0) Fail("access", children);
    Remember();
  }

  // To the end of the traced process, which every other tracee's end precedes.
  Trace Follow() {
    for (;;) {
      siginfo_t info{};
      if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT | kOurs) != 0) {
        if (errno == EINTR) continue;
        return std::move(trace_);
      }
      const pid_t pid = info.si_pid;
      const bool ends = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
      // Until it is reaped here, its parent is not told.
      if (ends && programs_.count(pid) != 0) End(pid);
      int status = 0;
      if (waitpid(pid, &status, kOurs | WNOHANG) != pid) continue;
      if (!WIFSTOPPED(status)) {
        if (pid == root_) {
          trace_.isComplete = isRunning_ && !isOverfull_;
          return std::move(trace_);
        }
        const auto found = programs_.find(pid);
        if (found != programs_.end()) trace_.programs[found->second].status = status;
        programs_.erase(pid);
        known_.erase(pid);
      } else {
        OnStop(pid, WSTOPSIG(status), status >> 16);
      }
    }
  }

 private:
  void OnStop(pid_t pid, int signal, int event) {
    if (pid != root_ && known_.count(pid) == 0 && !Meet(pid)) return;
    if (event == PTRACE_EVENT_EXEC) OnExec(pid);
    const bool isGroupStop = event == PTRACE_EVENT_STOP && signal != SIGTRAP;
    // Whoever is killed meanwhile fails with ESRCH, and its end comes next.
    if (isGroupStop) {
      ptrace(PTRACE_LISTEN, pid, 0, 0);
    } else {
      // The first process of a namespace is not stopped by what runs in it, but for whoever is traced.
      const bool isDelivered = event == 0 && !(pid == root_ && signal == SIGSTOP);
      ptrace(PTRACE_CONT, pid, 0, isDelivered ? signal : 0);
    }
  }

  // Whether it is ours to follow: a child of the root, or a thread of what is followed.
  bool Meet(pid_t pid) {
    known_[pid] = true;
    const pid_t group = StatusNumber(pid, "Tgid");
    if (group != pid) return true;
    if (StatusNumber(pid, "PPid") != root_) {
      known_.erase(pid);
      ptrace(PTRACE_DETACH, pid, 0, 0);
      return false;
    }
    ptrace(PTRACE_SETOPTIONS, pid, 0, kProgramOptions);
    if (trace_.programs.size() == kMostPrograms) {
      isOverfull_ = true;
      return true;
    }
    Program program;
    program.isAlone = !HasOthers(pid);
    program.begin = Separate();
    programs_[pid] = trace_.programs.size();
    trace_.programs.push_back(std::move(program));
    return true;
  }

  void OnExec(pid_t pid) {
    unsigned long former = 0;
    if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &former) == 0 && static_cast<pid_t>(former) != pid) {
      known_.erase(static_cast<pid_t>(former));
    }
    const size_t most = std::max(kMostArguments, pid == root_ ? arguments_.size() : 0);
    const std::string line = ReadProc(pid, "cmdline", most);
    if (pid == root_) {
      // The runtime may execute itself before.
      if (line == arguments_) {
        isRunning_ = ptrace(PTRACE_SETOPTIONS, pid, 0, kRootOptions) == 0;
      }
      return;
    }
    const auto found = programs_.find(pid);
    if (found == programs_.end()) return;
    Program& program = trace_.programs[found->second];
    // What it executes later in its own place is still the same scriptlet.
    if (program.hasRun) return;
    program.hasRun = true;
    if (Keep(line.size())) program.arguments = line;
    for (size_t at = 0; at < line.size(); at = line.find('\0', at) + 1) {
      const std::string argument = line.c_str() + at;
      if (argument.find("/rpm-tmp.") != std::string::npos) {
        program.script = ReadScript(pid, argument);
        if (program.script && !Keep(program.script->size())) program.script.reset();
        break;
      }
      if (line.find('\0', at) == std::string::npos) break;
    }
  }

  void End(pid_t pid) {
    Program& program = trace_.programs[programs_[pid]];
    program.leaves = HasOthers(pid);
    program.end = Clock(CLOCK_REALTIME);
    Separate();
  }

  bool Keep(size_t bytes) {
    kept_ += bytes;
    return kept_ <= kMostKept;
  }

  // What lives as a child of the first process of its process namespace: orphans come to it.
  bool HasOthers(pid_t program) {
    const std::string children = ReadProc(root_, "task/" + std::to_string(root_) + "/children");
    const char* at = children.c_str();
    for (char* next = nullptr;; at = next) {
      const pid_t child = static_cast<pid_t>(strtol(at, &next, 10));
      if (next == at) return false;
      if (child != program && IsAlive(child)) return true;
    }
  }

  // File systems stamp with a clock that moves in ticks. Holds the program back until what it does cannot have a time
  // that what came before has too; gives the first time that it can have.
  int64_t Separate() {
    Remember();
    const int64_t before = Clock(CLOCK_REALTIME);
    timespec tick{};
    clock_getres(CLOCK_REALTIME_COARSE, &tick);
    const timespec pause{0, std::max<long>(tick.tv_nsec / 8, 50'000)};
    for (int tries = 0; tries < 1000; tries++) {
      const int64_t stamp = Clock(CLOCK_REALTIME_COARSE);
      if (stamp > before) return stamp;
      nanosleep(&pause, nullptr);
    }
    trace_.isSteady = false;
    return before;
  }

  // A clock that is set while rpm runs makes every time worthless; slewing (adjtimex(2)) changes one in 2000 at most.
  void Remember() {
    // Whoever waits for a processor between two readings would see the clock jump.
    int64_t steady, real, late;
    int tries = 0;
    do {
      steady = Clock(CLOCK_MONOTONIC);
      real = Clock(CLOCK_REALTIME);
      late = Clock(CLOCK_MONOTONIC) - steady;
    } while (late > 100'000 && ++tries < 100);
    if (steady_ != 0) {
      const int64_t passed = steady - steady_;
      const int64_t drift = (real - real_) - passed;
      if (std::abs(drift) > 1'000'000 + late + late_ + passed / 1000) trace_.isSteady = false;
    }
    real_ = real;
    steady_ = steady;
    late_ = late;
  }

  const pid_t root_;
  const std::string arguments_;
  Trace trace_;
  bool isRunning_ = false;
  // There were more programs than are kept: nobody knows how all of them ended.
  bool isOverfull_ = false;
  // Every tracee but the root.
  std::map<pid_t, bool> known_;
  // Of the programs that run now, their places in the trace.
  std::map<pid_t, size_t> programs_;
  size_t kept_ = 0;
  int64_t real_ = 0, steady_ = 0, late_ = 0;
};

}  // namespace

void FollowChildren(pid_t root, const std::string& arguments, const TraceEvents& events) {
  std::thread([root, arguments, events] {
    Tracer tracer(root, arguments);
    try {
      tracer.Seize();
    } catch (const SystemError& error) {
      events.onSeized(error);
      return;
    }
    events.onSeized(std::nullopt);
    events.onEnd(tracer.Follow());
  }).detach();
}
