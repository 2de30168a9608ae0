// Beside systemd-nspawn on the host: control groups, missing mount points and descriptors, then nspawn itself.
#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "become.h"
#include "modes.h"

namespace {

int Expect(int fd, int number, const std::string& what) {
  Must(fd >= 0, what);
  if (fd != number) Refuse(what + ": another descriptor is open");
  return fd;
}

// What nspawn makes where it is missing. It would do so as the host's root, who owns nothing in a tree of moved owners.
void CompleteTree(const Order& order) {
  const auto owner = static_cast<uid_t>(order.Number("owner"));
  const std::string root = order.One("root") + "/";
  setfsgid(owner);
  setfsuid(owner);
  for (const char* name : {"dev", "etc", "proc", "root", "run", "sys", "usr", "var"}) {
    const std::string path = root + name;
    Must(mkdir(path.c_str(), 0755) == 0 || errno == EEXIST, path);
  }
  for (const char* name : {"bin", "lib", "lib64", "sbin"}) {
    const std::string path = root + name, target = std::string("usr/") + name;
    struct stat found;
    if (lstat((root + target).c_str(), &found) != 0) continue;
    Must(symlink(target.c_str(), path.c_str()) == 0 || errno == EEXIST, path);
  }
  setfsuid(0);
  setfsgid(0);
}

// Files that nspawn makes in /run/systemd, and its mounts, are gone with its processes, however they end. Devices of the
// image's layers do not open.
void UnshareMounts(const std::string& root) {
  Must(unshare(CLONE_NEWNS) == 0, "making a mount namespace");
  Must(mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0, "making mounts slaves");
  Must(mkdir("/run/systemd", 0755) == 0 || errno == EEXIST, "/run/systemd");
  Must(mount("tmpfs", "/run/systemd", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") == 0, "/run/systemd");
  Must(mount(nullptr, root.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_NODEV, nullptr) == 0, root);
  // nspawn covers the image's own /run with an empty one.
  Must(mkdir("/run/systemd/image-run", 0755) == 0, "/run/systemd");
  Must(mount((root + "/run").c_str(), "/run/systemd/image-run", nullptr, MS_BIND, nullptr) == 0, root);
}

// Those of the host stay with this process, and those of the instance's groups are passed on.
int PassDescriptors(const Order& order, const char* orderPath, const char* filterPath) {
  Expect(open(orderPath, O_RDONLY), kOrderFd, orderPath);
  Expect(open(filterPath, O_RDONLY), kFilterFd, filterPath);
  Expect(dup(STDOUT_FILENO), kOutputFd, "output");
  Expect(dup(STDERR_FILENO), kErrorFd, "output");
  int next = kFirstGroupFd;
  for (const std::string& path : order.List("group-of-instance")) {
    Expect(open(path.c_str(), O_WRONLY), next++, path);
  }
  return next - kFirstPassed;
}

}  // namespace

int Launch(char** words) {
  const int found = open(words[0], O_RDONLY | O_CLOEXEC);
  Must(found >= 0, words[0]);
  const Order order(found);
  close(found);
  for (const std::string& path : order.List("group-of-nspawn")) {
    const int group = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    Must(group >= 0, path);
    JoinGroups({group});
    close(group);
  }
  CompleteTree(order);
  const int passed = PassDescriptors(order, words[0], words[1]);
  const int log = open(words[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  Must(log >= 0 && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0, words[2]);
  UnshareMounts(order.One("root"));
  // Out of the terminal's group: an interrupt is for Milliner, which stops the instance in order.
  Must(setsid() >= 0, "making a session");
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", std::to_string(passed).c_str(), 1);
  execvp(words[3], words + 3);
  RefuseCall(words[3]);
}
