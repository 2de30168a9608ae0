// Mounts that show the owners of a tree moved into the ids of a user namespace (mount_setattr(2), MOUNT_ATTR_IDMAP), and
// namespaces that a container is started in.
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptor.h"
#include "shift.h"
#include "task.h"

namespace {

// Runs in a copy of this process between clone and its end, so it may only make system calls.
[[noreturn]] void WaitForEnd(pid_t parent) {
  syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // The parent may have died before the death signal was set.
  if (syscall(SYS_getppid) != parent) syscall(SYS_exit_group, 0);
  for (;;) syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0);
}

void WriteMap(pid_t child, const char* name, const std::string& map) {
  const std::string path = "/proc/" + std::to_string(child) + "/" + name;
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.fd < 0) Fail("open", path);
  if (write(file.fd, map.data(), map.size()) != static_cast<ssize_t>(map.size())) Fail("write", path);
}

// A process in new namespaces that only lives until these are opened. It shares the descriptors of this process, because
// copies of them would keep locks held. Signals for this process do not reach it.
class NamespaceHolder {
 public:
  explicit NamespaceHolder(int flags) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t parent = getpid();
    child_ = static_cast<pid_t>(syscall(SYS_clone, flags | CLONE_FILES, 0, 0, 0, 0));
    if (child_ == 0) WaitForEnd(parent);
    const int failed = errno;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (child_ < 0) throw SystemError{failed, "clone", "namespace"};
  }
  NamespaceHolder(const NamespaceHolder&) = delete;
  NamespaceHolder& operator=(const NamespaceHolder&) = delete;
  ~NamespaceHolder() {
    kill(child_, SIGKILL);
    while (waitpid(child_, nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }

  // Of its user namespace.
  void Map(const Ids& ids) const {
    const std::string map = "0 " + std::to_string(ids.start) + " " + std::to_string(ids.size) + "\n";
    WriteMap(child_, "uid_map", map);
    WriteMap(child_, "gid_map", map);
  }

  std::string PathOf(const char* type) const { return "/proc/" + std::to_string(child_) + "/ns/" + type; }

 private:
  pid_t child_ = -1;
};

int OpenUserNamespace(const Ids& ids) {
  const NamespaceHolder holder(CLONE_NEWUSER);
  holder.Map(ids);
  const std::string path = holder.PathOf("user");
  const int space = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (space < 0) Fail("open", path);
  return space;
}

void Keep(const std::string& space, const std::string& file) {
  if (mount(space.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) != 0) Fail("mount", file);
}

// The network namespace belongs to the user namespace, whose root may then bind ports below 1024 and mount its sysfs.
void MakeSpace(const std::string& network, const std::string& user, const Ids& ids) {
  const bool isOwn = ids.size > 0;
  const NamespaceHolder holder(CLONE_NEWNET | (isOwn ? CLONE_NEWUSER : 0));
  if (isOwn) {
    holder.Map(ids);
    Keep(holder.PathOf("user"), user);
  }
  Keep(holder.PathOf("net"), network);
}

void BindShifted(const std::string& source, const std::string& target, const Ids& ids) {
  const Descriptor space(OpenUserNamespace(ids));
  const Descriptor tree(
      static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (tree.fd < 0) Fail("open_tree", source);
  struct mount_attr attributes {};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(space.fd);
  if (syscall(SYS_mount_setattr, tree.fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    Fail("mount_setattr", source);
  }
  if (syscall(SYS_move_mount, tree.fd, "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    Fail("move_mount", target);
  }
}

Napi::Value BindShiftedJs(const Napi::CallbackInfo& info) {
  const Ids ids{Number(info, 2), Number(info, 3)};
  return RunVoid(info.Env(), [source = Bytes(info, 0), target = Bytes(info, 1), ids] {
    BindShifted(source, target, ids);
  });
}

Napi::Value MakeSpaceJs(const Napi::CallbackInfo& info) {
  const Ids ids{Number(info, 2), Number(info, 3)};
  return RunVoid(info.Env(), [network = Bytes(info, 0), user = Bytes(info, 1), ids] {
    MakeSpace(network, user, ids);
  });
}

}  // namespace

bool ActAs(uint32_t id) {
  const int dumpable = prctl(PR_GET_DUMPABLE);
  setfsgid(id);
  setfsuid(id);
  // Leaving user 0 has cleared the effective capabilities for files, which are still permitted.
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  bool done = syscall(SYS_capget, &header, data) == 0;
  for (auto& half : data) half.effective = half.permitted;
  done = done && syscall(SYS_capset, &header, data) == 0;
  // The kernel has cleared this flag for the whole process (PR_SET_DUMPABLE(2const)).
  if (dumpable == 1) prctl(PR_SET_DUMPABLE, 1);
  // Neither call reports failure, except by the value that the next call returns.
  return done && setfsuid(id) == static_cast<int>(id) && setfsgid(id) == static_cast<int>(id);
}

void InitShift(Napi::Env env, Napi::Object exports) {
  exports.Set("bindShifted", Napi::Function::New(env, BindShiftedJs, "bindShifted"));
  exports.Set("makeSpace", Napi::Function::New(env, MakeSpaceJs, "makeSpace"));
}
