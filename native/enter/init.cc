// The first process of an instance in systemd-nspawn, before the image's program: what nspawn has no options for.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>

#include "become.h"
#include "modes.h"

namespace {

// Missing directories of the image, as its own root makes them.
void MakeDirectories(const std::string& path) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    Must(mkdir(part.c_str(), 0755) == 0 || errno == EEXIST, part);
    if (at == std::string::npos) return;
  }
}

bool IsDirectory(const std::string& path) {
  struct stat found;
  Must(stat(path.c_str(), &found) == 0, path);
  return S_ISDIR(found.st_mode);
}

// Also where a link of the image leads to what is not there. All of it is below the image's root by now.
void MakeFile(const std::string& path, int links) {
  if (access(path.c_str(), F_OK) == 0) return;
  const std::string directory = path.substr(0, path.rfind('/'));
  if (!directory.empty()) MakeDirectories(directory);
  char target[PATH_MAX];
  const ssize_t length = readlink(path.c_str(), target, sizeof target);
  if (length > 0 && links > 0) {
    const std::string to(target, static_cast<size_t>(length));
    return MakeFile(to[0] == '/' ? to : directory + "/" + to, links - 1);
  }
  const int fd = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  Must(fd >= 0, path);
  close(fd);
}

void Bind(const std::string& source, const std::string& target, unsigned long flags) {
  if (IsDirectory(source)) MakeDirectories(target);
  else MakeFile(target, 40);
  Must(mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) == 0, target);
  // A bind mount takes its flags only in a second step (mount(2)).
  if (flags == 0) return;
  Must(mount(nullptr, target.c_str(), nullptr, MS_BIND | MS_REMOUNT | flags, nullptr) == 0, target);
}

// Words: type, source, target, flags, data.
void Mount(const Words& words) {
  const unsigned long flags = strtoul(words[3].c_str(), nullptr, 10);
  if (words[0] == "bind") return Bind(words[1], words[2], flags);
  MakeDirectories(words[2]);
  Must(mount(words[1].c_str(), words[2].c_str(), words[0].c_str(), flags, words[4].c_str()) == 0, words[2]);
}

// Opens what is bound before a mount covers it; the words then name it by its descriptor.
std::vector<Words> WithSources(std::vector<Words> mounts) {
  for (Words& words : mounts) {
    if (words.size() != 5) Refuse("a mount has five words");
    if (words[0] != "bind") continue;
    const int source = open(words[1].c_str(), O_PATH | O_CLOEXEC);
    Must(source >= 0, words[1]);
    words[1] = "/proc/self/fd/" + std::to_string(source);
  }
  return mounts;
}

// What is not there needs no mask.
bool IsThere(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

void Mask(const std::string& path) {
  if (!IsThere(path)) return;
  if (!IsDirectory(path)) return Bind("/dev/null", path, 0);
  constexpr unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  Must(mount("tmpfs", path.c_str(), "tmpfs", flags, "size=0k,mode=755") == 0, path);
}

// With what is mounted below it: nspawn leaves /proc/sys/net writable.
void MakeReadOnly(const std::string& path) {
  if (!IsThere(path)) return;
  Must(mount(path.c_str(), path.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0, path);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  Must(syscall(SYS_mount_setattr, AT_FDCWD, path.c_str(), AT_RECURSIVE, &attributes, sizeof attributes) == 0, path);
}

// Nodes that give access to nothing; nspawn makes further ones, such as /dev/net/tun.
void RemoveDevices(const std::string& directory) {
  static const std::string harmless[] = {"full", "null", "random", "tty", "urandom", "zero"};
  DIR* opened = opendir(directory.c_str());
  Must(opened != nullptr, directory);
  while (const dirent* entry = readdir(opened)) {
    const std::string name = entry->d_name, path = directory + "/" + name;
    struct stat found;
    if (name[0] == '.' || lstat(path.c_str(), &found) != 0) continue;
    const bool isDevice = S_ISCHR(found.st_mode) || S_ISBLK(found.st_mode);
    const bool isHarmless = directory == "/dev" && std::find(std::begin(harmless), std::end(harmless), name) != std::end(harmless);
    if (isDevice && !isHarmless) Must(unlink(path.c_str()) == 0, path);
    if (S_ISDIR(found.st_mode) && path != "/dev/pts") RemoveDevices(path);
  }
  closedir(opened);
}

// Until the instance has its link. Without a word Milliner has ended.
void WaitForLink() {
  char word;
  ssize_t length;
  do length = read(STDIN_FILENO, &word, 1);
  while (length < 0 && errno == EINTR);
  if (length != 1) Refuse("Milliner has ended");
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  Must(nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0, "/dev/null");
  close(nothing);
}

std::vector<int> PassedFrom(int first) {
  const char* count = getenv("LISTEN_FDS");
  std::vector<int> passed;
  for (int fd = first; count && fd < kFirstPassed + atoi(count); fd++) passed.push_back(fd);
  return passed;
}

}  // namespace

// nspawn has passed the descriptors on, as it does for sockets of services (sd_listen_fds(3)).
int Init() {
  const Order order(kOrderFd);
  SetOomScore(order);
  Must(prctl(PR_SET_DUMPABLE, 0) == 0, "hiding");
  JoinGroups(PassedFrom(kFirstGroupFd));
  // By its group it is found.
  if (order.Number("gate")) WaitForLink();
  if (order.Number("cgroup-namespace")) Must(unshare(CLONE_NEWCGROUP) == 0, "making a cgroup namespace");
  RemoveDevices("/dev");
  for (const Words& words : WithSources(order.All("mount"))) Mount(words);
  for (const std::string& path : order.List("mask")) Mask(path);
  for (const std::string& path : order.List("readonly")) MakeReadOnly(path);
  MakeDirectories(order.One("directory"));
  const Words args = order.List("arg"), environment = order.List("env");
  // The log stays open for a refusal until the program is executed.
  const int log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  Must(log >= 0, "keeping the log");
  refusals = log;
  Must(dup2(kOutputFd, STDOUT_FILENO) >= 0 && dup2(kErrorFd, STDERR_FILENO) >= 0, "taking over the output");
  Become(order, kFilterFd, args, environment);
}
