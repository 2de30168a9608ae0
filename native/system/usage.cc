// Measures the disk usage of a tree. Unlike a scan it stores no list, and tolerates changes in the meantime.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <utility>

#include "task.h"

namespace {

struct Usage {
  uint64_t bytes = 0;
  uint64_t inodes = 0;
  // Inodes with several names count once. An overlay shows files of several devices.
  std::set<std::pair<dev_t, ino_t>> linked;
};

// Paths cannot be deeper in the kernel; each level needs a descriptor.
constexpr int maxLevels = 2048;

bool IsGone(int error) { return error == ENOENT || error == ENOTDIR; }

void Count(int directory, const char* name, Usage& usage, int level);

void CountBelow(int directory, Usage& usage, int level) {
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(directory), closedir);
  if (!stream) {
    close(directory);
    Fail("fdopendir", "");
  }
  while (dirent* item = readdir(stream.get())) {
    const std::string name = item->d_name;
    if (name != "." && name != "..") Count(dirfd(stream.get()), name.c_str(), usage, level);
  }
}

void Count(int directory, const char* name, Usage& usage, int level) {
  struct stat status;
  if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
    if (IsGone(errno)) return;
    Fail("fstatat", name);
  }
  const bool isDirectory = S_ISDIR(status.st_mode);
  if (!isDirectory && status.st_nlink > 1 && !usage.linked.emplace(status.st_dev, status.st_ino).second) return;
  usage.bytes += static_cast<uint64_t>(status.st_blocks) * 512;
  usage.inodes++;
  if (!isDirectory) return;
  if (level == maxLevels) {
    errno = ENAMETOOLONG;
    Fail("fstatat", name);
  }
  const int child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (child >= 0) return CountBelow(child, usage, level + 1);
  if (!IsGone(errno)) Fail("openat", name);
}

Napi::Value UsageJs(const Napi::CallbackInfo& info) {
  return Task<Usage>::Run(
      info.Env(),
      [root = Bytes(info, 0)] {
        Usage usage;
        Count(AT_FDCWD, root.c_str(), usage, 0);
        return usage;
      },
      [](Napi::Env env, const Usage& usage) -> Napi::Value {
        auto object = Napi::Object::New(env);
        object.Set("bytes", Napi::Number::New(env, static_cast<double>(usage.bytes)));
        object.Set("inodes", Napi::Number::New(env, static_cast<double>(usage.inodes)));
        return object;
      });
}

}  // namespace

void InitUsage(Napi::Env env, Napi::Object exports) {
  exports.Set("usage", Napi::Function::New(env, UsageJs, "usage"));
}
