// Traces the programs that a process starts, from outside of its container, with ptrace(2). Begin, end and status come
// from the kernel, so programs inside cannot fake them.
#include "trace.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "inject.h"
#include "stamps.h"
#include "tracee.h"

namespace {

// A tracee belongs to the thread that traces it. Without __WNOTHREAD, waits would collect Node's own children.
constexpr int kOurs = __WALL | __WNOTHREAD;

// If this process dies, no process enforces the limits of the traced one. So it is killed too, with its whole process
// namespace.
constexpr long kLeash = PTRACE_O_EXITKILL;
constexpr long kSeizeOptions = kLeash | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD;
constexpr long kRootOptions =
    kSeizeOptions | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT;
// Processes that a program starts are not followed. Its threads are, because an exec by one of them would escape
// otherwise.
constexpr long kProgramOptions = kSeizeOptions | PTRACE_O_TRACECLONE;

// A package can make rpm run any number of programs, so the records are bounded.
constexpr size_t kMaxKeptBytes = 64 * 1024 * 1024;
constexpr size_t kMaxPrograms = 100'000;

// The number that the runtime gives to the first passed descriptor.
constexpr int kHanded = 3;

constexpr int64_t kMillisecond = 1'000'000;
// Time for background processes to end by themselves.
constexpr int64_t kGrace = 2000 * kMillisecond;

class Tracer {
 public:
  Tracer(pid_t root, std::string arguments, int words)
      : root_(root), arguments_(std::move(arguments)), words_(words) {}
  ~Tracer() {
    if (words_ >= 0) close(words_);
  }

  // From then on only the calling thread may call Follow.
  void Seize() {
    if (ptrace(PTRACE_SEIZE, root_, 0, kSeizeOptions) != 0) Fail("ptrace", "pid " + std::to_string(root_));
    // Without this list it is unknown whether background processes run.
    const std::string children = "task/" + std::to_string(root_) + "/children";
    if (access(("/proc/" + std::to_string(root_) + "/" + children).c_str(), R_OK) != 0) Fail("access", children);
    groups_[root_] = root_;
    stamps_.Remember();
  }

  // Runs to the end of the traced process; every other tracee ends before.
  Trace Follow() {
    for (;;) {
      siginfo_t info{};
      if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT | kOurs) != 0) {
        if (errno == EINTR) continue;
        return std::move(trace_);
      }
      const pid_t pid = info.si_pid;
      const bool ends = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
      if (!ends) {
        if (const auto stop = TakeStop(pid)) OnStop(pid, stop->signal, stop->event);
        continue;
      }
      // Its parent is not notified until it is reaped here.
      if (programs_.count(pid) != 0) End(pid);
      const bool isProcess = StatusNumber(pid, "Tgid") == pid;
      int status = 0;
      if (waitpid(pid, &status, kOurs) != pid) continue;
      if (pid == root_) {
        trace_.isComplete = isRunning_ && isApart_ && !isOverfull_;
        trace_.isSteady = stamps_.IsSteady();
        return std::move(trace_);
      } else {
        OnEnd(pid, status, isProcess);
      }
    }
  }

 private:
  // The first stop or end of a child, and its parent's report of it, may come in any order.
  struct Unclaimed {
    bool isDead, isProcess;
    int status;
  };

  void OnStop(pid_t pid, int signal, int event) {
    if (groups_.count(pid) == 0) {
      const auto expected = expected_.find(pid);
      if (expected == expected_.end()) {
        unclaimed_[pid] = {false, false, 0};
      } else {
        const pid_t parent = expected->second;
        expected_.erase(expected);
        Admit(pid, parent);
      }
      return;
    }
    if (event == PTRACE_EVENT_EXEC) OnExec(pid);
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) OnBirth(pid);
    if (event == PTRACE_EVENT_EXIT && pid == root_) OnRootEnds();
    const bool isGroupStop = event == PTRACE_EVENT_STOP && signal != SIGTRAP;
    // If the process was killed in the meantime, this fails with ESRCH, and its end is reported next.
    if (isGroupStop) {
      ptrace(PTRACE_LISTEN, pid, 0, 0);
    } else {
      // Programs inside cannot stop the first process of a namespace with SIGSTOP, but a tracee would stop, so the
      // signal is dropped.
      const bool isDelivered = event == 0 && !(groups_[pid] == root_ && signal == SIGSTOP);
      ptrace(PTRACE_CONT, pid, 0, isDelivered ? signal : 0);
    }
  }

  void OnEnd(pid_t pid, int status, bool isProcess) {
    if (groups_.erase(pid) == 0) {
      const auto expected = expected_.find(pid);
      if (expected == expected_.end()) {
        unclaimed_[pid] = {true, isProcess, status};
        return;
      }
      if (expected->second == root_ && isProcess) AddKilled(status);
      expected_.erase(expected);
    }
    const auto found = programs_.find(pid);
    if (found == programs_.end()) return;
    trace_.programs[found->second].status = status;
    programs_.erase(found);
  }

  void OnBirth(pid_t parent) {
    unsigned long message = 0;
    if (ptrace(PTRACE_GETEVENTMSG, parent, 0, &message) != 0) return;
    const auto child = static_cast<pid_t>(message);
    const auto found = unclaimed_.find(child);
    if (found == unclaimed_.end()) {
      expected_[child] = groups_[parent];
      return;
    }
    const Unclaimed one = found->second;
    unclaimed_.erase(found);
    if (!one.isDead) {
      Admit(child, groups_[parent]);
    } else if (groups_[parent] == root_ && one.isProcess) {
      AddKilled(one.status);
    }
  }

  // Only processes that the kernel reports as children of the root count, not those that only appear to be
  // (CLONE_PARENT).
  void Admit(pid_t pid, pid_t parent) {
    const pid_t group = StatusNumber(pid, "Tgid");
    if (group != pid) {
      groups_[pid] = group;
    } else if (parent == root_) {
      groups_[pid] = pid;
      ptrace(PTRACE_SETOPTIONS, pid, 0, kProgramOptions);
      Begin(pid);
    } else {
      ptrace(PTRACE_DETACH, pid, 0, 0);
      return;
    }
    ptrace(PTRACE_CONT, pid, 0, 0);
  }

  bool HasRoom() {
    if (trace_.programs.size() >= kMaxPrograms) isOverfull_ = true;
    return !isOverfull_;
  }

  void Begin(pid_t pid) {
    if (words_ >= 0) TakeWords(pid);
    if (!HasRoom()) return;
    Program program;
    program.isAlone = LivingChildren(root_) == std::vector<pid_t>{pid};
    program.begin = stamps_.Separate();
    if (program.isAlone) firstLeft_.reset();
    programs_[pid] = trace_.programs.size();
    trace_.programs.push_back(std::move(program));
  }

  // It was killed before it executed anything.
  void AddKilled(int status) {
    if (!HasRoom()) return;
    Program program;
    program.begin = program.end = Clock(CLOCK_REALTIME);
    program.status = status;
    program.leaves = true;
    trace_.programs.push_back(std::move(program));
  }

  void TakeWords(pid_t pid) {
    // A program may have set the pipe to a mode in which the next program's writes fail.
    fcntl(words_, F_SETFL, 0);
    for (const unsigned long stream : {STDOUT_FILENO, STDERR_FILENO}) {
      const auto answer = CallInside(pid, SYS_dup3, {kHanded, stream, 0});
      if (answer && *answer != static_cast<long>(stream)) isApart_ = false;
    }
  }

  void OnExec(pid_t pid) {
    unsigned long former = 0;
    if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &former) == 0 && static_cast<pid_t>(former) != pid) {
      groups_.erase(static_cast<pid_t>(former));
    }
    const size_t most = std::max(kMaxArguments, pid == root_ ? arguments_.size() : 0);
    const std::string line = ReadProc(pid, "cmdline", most);
    if (pid == root_) {
      // The runtime may execute itself first.
      if (line == arguments_ && !isRunning_) OnRootRuns();
      return;
    }
    if (HoldsAny(pid, rootsWords_)) isApart_ = false;
    const auto found = programs_.find(pid);
    if (found == programs_.end()) return;
    Program& program = trace_.programs[found->second];
    // A later exec in the same process still belongs to the same scriptlet.
    if (program.hasRun) return;
    program.hasRun = true;
    if (Keep(line.size())) program.arguments = line;
    program.script = ScriptAmong(pid, line);
    if (program.script && !Keep(program.script->size())) program.script.reset();
  }

  void OnRootRuns() {
    isRunning_ = ptrace(PTRACE_SETOPTIONS, root_, 0, kRootOptions) == 0 && ToFirstCall(root_);
    isApart_ = CallInside(root_, SYS_prctl, {PR_SET_DUMPABLE, 0, 0}) == 0;
    if (words_ < 0) return;
    // Only its new children need it.
    if (CallInside(root_, SYS_fcntl, {kHanded, F_SETFD, FD_CLOEXEC}) != 0) isApart_ = false;
    if (OpenFile(root_, kHanded) != OpenFile(getpid(), words_)) isApart_ = false;
    rootsWords_ = {OpenFile(root_, STDOUT_FILENO), OpenFile(root_, STDERR_FILENO)};
  }

  static std::optional<std::string> ScriptAmong(pid_t pid, const std::string& line) {
    for (size_t at = 0; at < line.size();) {
      const size_t end = std::min(line.find('\0', at), line.size());
      const std::string argument = line.substr(at, end - at);
      if (argument.find("/rpm-tmp.") != std::string::npos) return ReadScript(pid, argument);
      at = end + 1;
    }
    return std::nullopt;
  }

  void End(pid_t pid) {
    const size_t index = programs_[pid];
    Program& program = trace_.programs[index];
    for (const pid_t child : LivingChildren(root_)) program.leaves |= child != pid;
    // Nothing else ran when it began, so what runs now comes from it, and so may everything until a program is alone
    // again.
    if (program.isAlone && program.leaves) firstLeft_ = index;
    // Output is assigned by the time at which it is read, so it is read before the next program starts.
    if (words_ >= 0) WaitWhile(100 * kMillisecond, [this] { return HasUnread(words_); });
    program.end = Clock(CLOCK_REALTIME);
    stamps_.Separate();
  }

  static void WaitWhile(int64_t most, const std::function<bool()>& isSo) {
    const int64_t until = Clock(CLOCK_MONOTONIC) + most;
    while (isSo() && Clock(CLOCK_MONOTONIC) < until) {
      const timespec pause{0, kMillisecond};
      nanosleep(&pause, nullptr);
    }
  }

  // The kernel kills all other processes of the namespace with it.
  void OnRootEnds() {
    unsigned long status = 0;
    ptrace(PTRACE_GETEVENTMSG, root_, 0, &status);
    if (WIFEXITED(static_cast<int>(status))) {
      WaitWhile(kGrace, [this] { return !LivingChildren(root_).empty(); });
    }
    const std::vector<pid_t> left = LivingChildren(root_);
    trace_.left = static_cast<uint32_t>(left.size());
    if (!left.empty() && firstLeft_) trace_.programs[*firstLeft_].outlives = true;
  }

  bool Keep(size_t bytes) {
    kept_ += bytes;
    return kept_ <= kMaxKeptBytes;
  }

  const pid_t root_;
  const std::string arguments_;
  // The tracer's own copy; -1 for none.
  const int words_;
  Trace trace_;
  Stamps stamps_;
  bool isRunning_ = false;
  // No program that it starts has, or can open, its descriptors.
  bool isApart_ = true;
  // There were more programs than records, so not all of their ends are known.
  bool isOverfull_ = false;
  std::vector<std::string> rootsWords_;
  // Process of every traced thread.
  std::map<pid_t, pid_t> groups_;
  std::map<pid_t, Unclaimed> unclaimed_;
  // Children that their parents have reported.
  std::map<pid_t, pid_t> expected_;
  // Index in the trace of the programs that run now.
  std::map<pid_t, size_t> programs_;
  // The first program since whose end some process has always been running.
  std::optional<size_t> firstLeft_;
  size_t kept_ = 0;
};

}  // namespace

void FollowChildren(pid_t root, const std::string& arguments, int words, const TraceEvents& events) {
  std::thread([root, arguments, words, events] {
    Tracer tracer(root, arguments, words);
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
