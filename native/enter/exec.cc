// One more program in a running instance, with the rights of its first one.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>

#include "become.h"
#include "modes.h"
#include "relay.h"
#include "terminal.h"

namespace {

std::string ReadFile(const std::string& path) {
  char text[4096];
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
  Must(length >= 0, path);
  close(fd);
  return std::string(text, static_cast<size_t>(length));
}

// A process with these ids and no other: its number may belong to another process by now.
int OpenProcess(const std::string& pid, long owner) {
  const int process = static_cast<int>(syscall(SYS_pidfd_open, atoi(pid.c_str()), 0));
  Must(process >= 0, "the instance has ended");
  const std::string map = ReadFile("/proc/" + pid + "/uid_map");
  long inside = -1, outside = -1;
  if (sscanf(map.c_str(), "%ld %ld", &inside, &outside) != 2 || inside != 0 || outside != owner || owner == 0) {
    Refuse("the instance has ended");
  }
  Must(syscall(SYS_pidfd_send_signal, process, 0, nullptr, 0) == 0, "the instance has ended");
  return process;
}

void LimitItself(const Order& order) {
  const Words files = order.All("open-files").at(0);
  const rlimit limit{strtoul(files.at(0).c_str(), nullptr, 10), strtoul(files.at(1).c_str(), nullptr, 10)};
  Must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "limiting open files");
  SetOomScore(order);
}

// Reading and writing ends for the program's three streams, which belong to root of the instance.
struct Streams {
  int ends[3][2];
  Streams() {
    for (auto& pipe : ends) Must(pipe2(pipe, O_CLOEXEC) == 0, "making a pipe");
  }
  void Take(uid_t user) const {
    const int own[] = {ends[0][0], ends[1][1], ends[2][1]};
    for (int fd = 0; fd < 3; fd++) {
      Must(fchown(own[fd], user, static_cast<gid_t>(-1)) == 0 && dup2(own[fd], fd) >= 0, "taking over a stream");
    }
  }
  int Show(pid_t program) const {
    for (const int fd : {ends[0][0], ends[1][1], ends[2][1]}) close(fd);
    return Relay(program, {{STDIN_FILENO, ends[0][1]}, {ends[1][0], STDOUT_FILENO}, {ends[2][0], STDERR_FILENO}}, -1);
  }
};

int CodeOf(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace

int Exec(char** words, bool hasTerminal) {
  const Order order(open(words[0], O_RDONLY | O_CLOEXEC));
  const int filter = open(words[1], O_RDONLY | O_CLOEXEC);
  Must(filter >= 0, words[1]);
  const int process = OpenProcess(words[2], order.Number("owner"));
  char** rest = words + 3;
  const std::vector<int> groups = OpenGroups(rest);
  LimitItself(order);
  constexpr int all = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  Must(setns(process, all) == 0, "entering the instance");
  // Root of the namespace: the host's root is none of its users.
  Must(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0, "becoming root of the instance");
  Must(prctl(PR_SET_DUMPABLE, 0) == 0, "hiding");
  const auto user = static_cast<uid_t>(order.Number("uid"));
  const int terminal = hasTerminal ? OpenTerminal() : -1;
  const Streams streams;
  Words args, environment = order.List("env");
  for (; *rest; rest++) args.push_back(*rest);
  const pid_t program = fork();
  Must(program >= 0, "starting a process");
  if (program == 0) {
    Must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "following its parent");
    JoinGroups(groups);
    if (hasTerminal) TakeTerminal(terminal, user);
    else streams.Take(user);
    Become(order, filter, args, environment);
  }
  ListenToSignals();
  return CodeOf(hasTerminal ? ShowTerminal(terminal, program) : streams.Show(program));
}
