#include "program.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <grp.h>
#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <functional>

#include "files.h"
#include "guest.h"
#include "image_root.h"

namespace {

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) FailWith("pipe");
    read = ends[0];
    write = ends[1];
  }
};

void UseStreams(const Settings& settings, int in, int out, int err) {
  const int streams[] = {in, out, err};
  for (int number = 0; number < 3; ++number) {
    const int fd = streams[number] < 0 ? open("/dev/null", O_RDONLY) : streams[number];
    if (dup2(fd, number) < 0) FailWith("standard streams");
    // Programs open /dev/stdout by its name.
    if (streams[number] >= 0 && fchown(number, settings.uid, settings.gid) != 0) FailWith("standard streams");
  }
}

void SetCapabilities(const Settings& settings) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (int half = 0; half < 2; ++half) {
    data[half].effective = data[half].permitted = static_cast<uint32_t>(settings.effective >> (32 * half));
  }
  if (syscall(SYS_capset, &header, data) != 0) FailWith("capabilities");
}

void BecomeUser(const Settings& settings) {
  for (int number = 0; number < 64; ++number) {
    if (((settings.bounding >> number) & 1U) == 0 && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) {
      if (errno == EINVAL) break;
      FailWith("bounding set");
    }
  }
  const rlimit files{settings.soft_files, settings.hard_files};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) FailWith("limit of open files");
  if (setgroups(settings.groups.size(), settings.groups.data()) != 0) FailWith("groups");
  if (setresgid(settings.gid, settings.gid, settings.gid) != 0) FailWith("gid");
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) FailWith("keep capabilities");
  if (setresuid(settings.uid, settings.uid, settings.uid) != 0) FailWith("uid");
  SetCapabilities(settings);
}

std::vector<char*> Words(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Where a program may lie. Unlike execvp(3), what has no format of its own is not given to a shell.
std::vector<std::string> PlacesOf(const Program& program) {
  const std::string& name = program.args.at(0);
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> places;
  for (const auto& one : program.env) {
    if (one.rfind("PATH=", 0) != 0) continue;
    for (const auto& directory : Split(one.substr(5), ':')) {
      const std::string place = directory + "/" + name;
      if (access(place.c_str(), X_OK) == 0) places.push_back(place);
    }
  }
  errno = ENOENT;
  return places;
}

[[noreturn]] void Execute(const Settings& settings, const Program& program) {
  BecomeUser(settings);
  umask(022);
  if (chdir(settings.cwd.c_str()) != 0) FailWith("working directory " + settings.cwd, true);
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const auto args = Words(program.args);
  const auto env = Words(program.env);
  for (const auto& path : PlacesOf(program)) execve(path.c_str(), args.data(), env.data());
  FailWith(program.args.at(0), true);
}

// Forks into the namespaces that new processes of ours get at present. The child closes the last pipe by its exec, or
// writes why there is none.
Started Spawn(bool with_input, const std::function<void(int, int, int)>& child) {
  Pipe in, out, err, problem;
  const pid_t pid = fork();
  if (pid < 0) FailWith("fork");
  if (pid == 0) {
    try {
      setsid();
      child(with_input ? in.read : -1, out.write, err.write);
    } catch (const Failure& failure) {
      const std::string text = (failure.image ? "i" : "m") + failure.text;
      (void)!write(problem.write, text.data(), text.size());
    }
    _exit(255);
  }
  for (const int fd : {in.read, out.write, err.write, problem.write}) close(fd);
  char bytes[4096];
  const ssize_t got = read(problem.read, bytes, sizeof bytes);
  close(problem.read);
  Started started{pid, {in.write, out.read, err.read}, false, ""};
  if (!with_input) {
    close(in.write);
    started.pipes.in = -1;
  }
  if (got <= 0) return started;
  for (const int fd : {started.pipes.in, out.read, err.read}) {
    if (fd >= 0) close(fd);
  }
  waitpid(pid, nullptr, 0);
  return {0, {}, bytes[0] == 'i', std::string(bytes + 1, static_cast<size_t>(got - 1))};
}

void Join(pid_t process, const char* kind, int type) {
  const std::string path = "/proc/" + std::to_string(process) + "/ns/" + kind;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool joined = fd >= 0 && setns(fd, type) == 0;
  if (fd >= 0) close(fd);
  if (!joined) FailWith(path);
}

// When it goes, the processes that we fork are of our own namespace again.
class ForksElsewhere {
 public:
  ForksElsewhere() = default;
  ForksElsewhere(const ForksElsewhere&) = delete;
  ForksElsewhere& operator=(const ForksElsewhere&) = delete;
  ~ForksElsewhere() {
    const int fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWPID) != 0) abort();
    close(fd);
  }
};

// The group of the first process: systemd lets none into the one that it was started in.
std::string GroupOf(pid_t process) {
  const std::string text = ReadFile("/proc/" + std::to_string(process) + "/cgroup");
  const size_t at = text.find("0::");
  if (at == std::string::npos) return kGroup;
  return "/cgroup" + text.substr(at + 3, text.find('\n', at) - at - 3);
}

}  // namespace

Started StartFirst(const Settings& settings) {
  if (unshare(CLONE_NEWPID) != 0) FailWith("pid namespace");
  const ForksElsewhere elsewhere;
  return Spawn(false, [&](int in, int out, int err) {
    WriteFile(kGroup + "/cgroup.procs", "0");
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) != 0) FailWith("namespaces");
    if (sethostname(settings.hostname.data(), settings.hostname.size()) != 0) FailWith("hostname");
    EnterRoot(settings, kRoot);
    UseStreams(settings, in, out, err);
    Execute(settings, settings.program);
  });
}

// Not in Spawn, which waits for an exec.
Started StartTables() {
  Pipe out, err;
  const pid_t pid = fork();
  if (pid < 0) FailWith("fork");
  if (pid == 0) {
    for (const char* name : {"tcp", "tcp6", "udp", "udp6"}) {
      const int fd = open((std::string("/proc/net/") + name).c_str(), O_RDONLY | O_CLOEXEC);
      char bytes[65536];
      for (ssize_t got; fd >= 0 && (got = read(fd, bytes, sizeof bytes)) > 0;) {
        for (ssize_t at = 0, written; at < got; at += written) {
          if ((written = write(out.write, bytes + at, static_cast<size_t>(got - at))) <= 0) _exit(1);
        }
      }
    }
    _exit(0);
  }
  close(out.write);
  close(err.write);
  return {pid, {-1, out.read, err.read}, false, ""};
}

Started StartBeside(const Settings& settings, const Program& program, pid_t first) {
  Join(first, "pid", CLONE_NEWPID);
  const ForksElsewhere elsewhere;
  const std::string group = GroupOf(first);
  return Spawn(true, [&](int in, int out, int err) {
    WriteFile(group + "/cgroup.procs", "0");
    Join(first, "uts", CLONE_NEWUTS);
    Join(first, "ipc", CLONE_NEWIPC);
    Join(first, "cgroup", CLONE_NEWCGROUP);
    Join(first, "mnt", CLONE_NEWNS);
    UseStreams(settings, in, out, err);
    Execute(settings, program);
  });
}
