#include "become.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <csignal>

namespace {

constexpr int kLastCapability = 63;

// Before the user changes: without no_new_privs it takes CAP_SYS_ADMIN (seccomp(2)).
void LoadFilter(int fd) {
  std::vector<sock_filter> instructions;
  sock_filter one;
  while (read(fd, &one, sizeof one) == sizeof one) instructions.push_back(one);
  if (instructions.empty()) Refuse("the seccomp filter is empty");
  const sock_fprog program{static_cast<unsigned short>(instructions.size()), instructions.data()};
  Must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "loading the seccomp filter");
}

void SetCapabilities(unsigned long long held) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int half = 0; half < 2; half++) {
    data[half].effective = data[half].permitted = static_cast<unsigned>(held >> (32 * half));
  }
  Must(syscall(SYS_capset, &header, data) == 0, "setting capabilities");
}

void BoundCapabilities(unsigned long long held) {
  Must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0, "clearing ambient capabilities");
  for (int number = 0; number <= kLastCapability; number++) {
    if (held >> number & 1 || prctl(PR_CAPBSET_READ, number) <= 0) continue;
    Must(prctl(PR_CAPBSET_DROP, number) == 0, "dropping a capability");
  }
}

void BecomeUser(const Order& order) {
  std::vector<gid_t> groups;
  for (const std::string& one : order.List("group")) groups.push_back(static_cast<gid_t>(strtoul(one.c_str(), nullptr, 10)));
  const auto uid = static_cast<uid_t>(order.Number("uid"));
  const auto gid = static_cast<gid_t>(order.Number("gid"));
  Must(setgroups(groups.size(), groups.data()) == 0, "setting groups");
  Must(setresgid(gid, gid, gid) == 0, "setting the group");
  Must(setresuid(uid, uid, uid) == 0, "setting the user");
}

// As runtimes look it up: a file that anyone may execute. The kernel may still refuse it.
std::string FindProgram(const std::string& name, const Words& environment) {
  const auto isProgram = [](const std::string& path) {
    struct stat found;
    if (stat(path.c_str(), &found) != 0) return false;
    if (!S_ISDIR(found.st_mode) && (found.st_mode & 0111)) return true;
    errno = EACCES;
    return false;
  };
  if (name.find('/') != std::string::npos) {
    Must(isProgram(name), name);
    return name;
  }
  for (const std::string& variable : environment) {
    if (variable.compare(0, 5, "PATH=") != 0) continue;
    const std::string path = variable.substr(5) + ":";
    for (size_t at = 0, end; (end = path.find(':', at)) != std::string::npos; at = end + 1) {
      const std::string place = path.substr(at, end - at) + "/" + name;
      if (place[0] == '/' && isProgram(place)) return place;
    }
  }
  Refuse(name + ": not found in PATH");
}

std::vector<char*> Pointers(const Words& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

void JoinGroups(const std::vector<int>& groups) {
  for (const int group : groups) Must(write(group, "0", 1) == 1, "joining a control group");
}

std::vector<int> OpenGroups(char**& words) {
  std::vector<int> groups;
  for (; *words && strcmp(*words, "--") != 0; words++) {
    groups.push_back(open(*words, O_WRONLY | O_CLOEXEC));
    Must(groups.back() >= 0, *words);
  }
  if (*words) words++;
  return groups;
}

void SetOomScore(const Order& order) {
  const std::string score = order.One("oom-score");
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  Must(fd >= 0 && write(fd, score.data(), score.size()) > 0, "setting the out-of-memory score");
  close(fd);
}

void Become(const Order& order, int filter, const Words& args, const Words& environment) {
  const unsigned long long bounding = strtoull(order.One("bounding").c_str(), nullptr, 10);
  const std::string directory = order.One("directory");
  if (args.empty()) Refuse("there is no program");
  umask(022);
  LoadFilter(filter);
  Must(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0, "closing descriptors");
  BoundCapabilities(bounding);
  const bool entered = chdir(directory.c_str()) == 0;
  BecomeUser(order);
  if (order.Number("uid") == 0) SetCapabilities(bounding);
  // A directory of the user's alone may be closed to root without its usual capabilities, and the other way round.
  Must(entered || chdir(directory.c_str()) == 0, directory);
  const std::string program = FindProgram(args[0], environment);
  // A change of user clears it (prctl(2)).
  Must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "following its parent");
  execve(program.c_str(), Pointers(args).data(), Pointers(environment).data());
  // Found, and not executable: a fault that shows when it runs, as a missing interpreter does in other runtimes.
  dprintf(STDERR_FILENO, "%s: %s\n", program.c_str(), strerror(errno));
  _exit(1);
}
