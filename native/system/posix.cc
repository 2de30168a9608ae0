// System calls that Node does not offer, each in the thread pool.
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <thread>

#include "scan.h"
#include "shift.h"
#include "task.h"

namespace {

Napi::Value Latin1(Napi::Env env, const std::string& bytes) {
  napi_value value;
  napi_create_string_latin1(env, bytes.data(), bytes.size(), &value);
  return Napi::Value(env, value);
}

// Property names are made once for a whole list, because a tree has tens of thousands of entries, and this runs on the
// event loop.
struct EntryKeys {
  explicit EntryKeys(Napi::Env env)
      : path(Key(env, "path")), mode(Key(env, "mode")), uid(Key(env, "uid")), gid(Key(env, "gid")),
        size(Key(env, "size")), allocated(Key(env, "allocated")), mtimeSeconds(Key(env, "mtimeSeconds")),
        mtimeNanoseconds(Key(env, "mtimeNanoseconds")), ctimeNanoseconds(Key(env, "ctimeNanoseconds")),
        btimeNanoseconds(Key(env, "btimeNanoseconds")),
        inode(Key(env, "inode")), inodeNumber(Key(env, "inodeNumber")), links(Key(env, "links")), deviceMajor(Key(env, "deviceMajor")),
        deviceMinor(Key(env, "deviceMinor")), target(Key(env, "target")), xattrs(Key(env, "xattrs")) {}

  napi_value path, mode, uid, gid, size, allocated, mtimeSeconds, mtimeNanoseconds, ctimeNanoseconds,
      btimeNanoseconds, inode, inodeNumber, links, deviceMajor, deviceMinor, target, xattrs;

 private:
  static napi_value Key(Napi::Env env, const char* name) { return Napi::String::New(env, name); }
};

Napi::Value EntryToJs(Napi::Env env, const EntryKeys& keys, const Entry& entry) {
  const struct statx& status = entry.status;
  const auto number = [&](auto value) { return Napi::Number::New(env, static_cast<double>(value)); };
  auto object = Napi::Object::New(env);
  object.Set(keys.path, Latin1(env, entry.path));
  object.Set(keys.mode, number(status.stx_mode));
  object.Set(keys.uid, number(status.stx_uid));
  object.Set(keys.gid, number(status.stx_gid));
  object.Set(keys.size, number(status.stx_size));
  object.Set(keys.allocated, number(status.stx_blocks * 512));
  object.Set(keys.mtimeSeconds, number(status.stx_mtime.tv_sec));
  object.Set(keys.mtimeNanoseconds, number(status.stx_mtime.tv_nsec));
  const auto time = [&](const struct statx_timestamp& at) {
    return Napi::BigInt::New(env, static_cast<int64_t>(at.tv_sec) * 1000000000 + at.tv_nsec);
  };
  object.Set(keys.ctimeNanoseconds, time(status.stx_ctime));
  if (status.stx_mask & STATX_BTIME) object.Set(keys.btimeNanoseconds, time(status.stx_btime));
  object.Set(keys.inode, Napi::BigInt::New(env, entry.inode));
  object.Set(keys.inodeNumber, Napi::BigInt::New(env, static_cast<uint64_t>(status.stx_ino)));
  object.Set(keys.links, number(status.stx_nlink));
  object.Set(keys.deviceMajor, number(status.stx_rdev_major));
  object.Set(keys.deviceMinor, number(status.stx_rdev_minor));
  if (S_ISLNK(status.stx_mode)) object.Set(keys.target, Latin1(env, entry.target));
  if (entry.xattrs.empty()) return object;
  auto xattrs = Napi::Object::New(env);
  for (const auto& [name, value] : entry.xattrs) {
    xattrs.Set(Latin1(env, name), Napi::Buffer<char>::Copy(env, value.data(), value.size()));
  }
  object.Set(keys.xattrs, xattrs);
  return object;
}

Napi::Value Scan(const Napi::CallbackInfo& info) {
  using Entries = std::vector<Entry>;
  return Task<Entries>::Run(
      info.Env(), [root = Bytes(info, 0)] { return ScanTree(root); },
      [](Napi::Env env, const Entries& entries) -> Napi::Value {
        const EntryKeys keys(env);
        auto list = Napi::Array::New(env, entries.size());
        for (uint32_t index = 0; index < entries.size(); index++) {
          Napi::HandleScope scope(env);
          list.Set(index, EntryToJs(env, keys, entries[index]));
        }
        return list;
      });
}

Napi::Value Lstat(const Napi::CallbackInfo& info) {
  return Task<Entry>::Run(
      info.Env(), [path = Bytes(info, 0)] { return ReadEntry(path); },
      [](Napi::Env env, const Entry& entry) { return EntryToJs(env, EntryKeys(env), entry); });
}

// Does not wait: a waiting flock would occupy one of the pool's few threads, perhaps the one that the holder needs.
Napi::Value Flock(const Napi::CallbackInfo& info) {
  const std::string mode = Bytes(info, 1);
  const int operation = mode == "shared" ? LOCK_SH : mode == "exclusive" ? LOCK_EX : LOCK_UN;
  return Task<bool>::Run(
      info.Env(),
      [fd = static_cast<int>(Number(info, 0)), operation] {
        if (flock(fd, operation | LOCK_NB) == 0) return true;
        if (errno != EWOULDBLOCK) Fail("flock", "fd " + std::to_string(fd));
        return false;
      },
      [](Napi::Env env, const bool& taken) -> Napi::Value { return Napi::Boolean::New(env, taken); });
}

struct MountCall {
  std::string source, target, type;
  unsigned long flags;
  std::string data, directory;
  uint32_t owner;
};

// In a thread of its own, because it changes the working directory.
void MountIn(const MountCall& call) {
  int failed = 0;
  const char* failedCall = nullptr;
  std::thread([&] {
    if (unshare(CLONE_FS) != 0) {
      failedCall = "unshare";
    } else if (chdir(call.directory.c_str()) != 0) {
      failedCall = "chdir";
    } else if (call.owner != 0 && !ActAs(call.owner)) {
      failedCall = "setfsuid";
    } else if (mount(call.source.c_str(), call.target.c_str(), call.type.c_str(), call.flags,
                     call.data.empty() ? nullptr : call.data.c_str()) != 0) {
      failedCall = "mount";
    }
    failed = errno;
  }).join();
  if (failedCall != nullptr) throw SystemError{failed, failedCall, call.target};
}

Napi::Value Mount(const Napi::CallbackInfo& info) {
  MountCall call{Bytes(info, 0), Bytes(info, 1), Bytes(info, 2), static_cast<unsigned long>(Number(info, 3)),
                 Bytes(info, 4), Bytes(info, 5), static_cast<uint32_t>(Number(info, 6))};
  return RunVoid(info.Env(), [call] { MountIn(call); });
}

Napi::Value Unmount(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [target = Bytes(info, 0), flags = static_cast<int>(Number(info, 1))] {
    if (umount2(target.c_str(), flags) != 0) Fail("umount2", target);
  });
}

// The kernel follows every link, and refuses one that leads out of root, so nothing can change between check and use.
int OpenBelow(const std::string& root, const std::string& path) {
  const int directory = open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) Fail("open", root);
  struct open_how how {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: a concurrent rename, after which the kernel cannot tell whether `..` led out of root.
  int fd = -1;
  for (int tries = 0; tries < 100; tries++) {
    fd = static_cast<int>(syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how));
    if (fd >= 0 || errno != EAGAIN) break;
  }
  const int failed = errno;
  close(directory);
  if (fd < 0) throw SystemError{failed, "openat2", path};
  return fd;
}

Napi::Value OpenBeneath(const Napi::CallbackInfo& info) {
  return Task<int>::Run(
      info.Env(), [root = Bytes(info, 0), path = Bytes(info, 1)] { return OpenBelow(root, path); },
      [](Napi::Env env, const int& fd) -> Napi::Value { return Napi::Number::New(env, fd); });
}

Napi::Value Syncfs(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [path = Bytes(info, 0)] {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) Fail("open", path);
    const int failed = syncfs(fd) == 0 ? 0 : errno;
    close(fd);
    if (failed != 0) throw SystemError{failed, "syncfs", path};
  });
}

// The whole device: blocks that only this thin device had mapped return to its pool.
Napi::Value Discard(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [path = Bytes(info, 0)] {
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) Fail("open", path);
    uint64_t range[2] = {0, 0};
    const bool done = ioctl(fd, BLKGETSIZE64, &range[1]) == 0 && ioctl(fd, BLKDISCARD, range) == 0;
    const int failed = errno;
    close(fd);
    if (!done) throw SystemError{failed, "BLKDISCARD", path};
  });
}

Napi::Value Mknod(const Napi::CallbackInfo& info) {
  const auto device = makedev(static_cast<unsigned>(Number(info, 2)), static_cast<unsigned>(Number(info, 3)));
  return RunVoid(info.Env(), [path = Bytes(info, 0), mode = static_cast<mode_t>(Number(info, 1)), device] {
    if (mknod(path.c_str(), mode, device) != 0) Fail("mknod", path);
    // The process's umask cleared bits of the mode.
    if (chmod(path.c_str(), mode & 07777) != 0) Fail("chmod", path);
  });
}

Napi::Value SetMtime(const Napi::CallbackInfo& info) {
  const timespec modified{static_cast<time_t>(Number(info, 1)), static_cast<long>(Number(info, 2))};
  return RunVoid(info.Env(), [path = Bytes(info, 0), modified] {
    const timespec times[2] = {{0, UTIME_OMIT}, modified};
    if (utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) Fail("utimensat", path);
  });
}

Napi::Value SetXattr(const Napi::CallbackInfo& info) {
  auto value = info[2].As<Napi::Buffer<char>>();
  return RunVoid(info.Env(), [path = Bytes(info, 0), name = Bytes(info, 1),
                              bytes = std::string(value.Data(), value.Length())] {
    if (lsetxattr(path.c_str(), name.c_str(), bytes.data(), bytes.size(), 0) != 0) Fail("lsetxattr", path);
  });
}

Napi::Value RemoveXattr(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [path = Bytes(info, 0), name = Bytes(info, 1)] {
    if (lremovexattr(path.c_str(), name.c_str()) != 0) Fail("lremovexattr", path);
  });
}

}  // namespace

void InitPosix(Napi::Env env, Napi::Object exports) {
  const std::pair<const char*, Napi::Value (*)(const Napi::CallbackInfo&)> functions[] = {
      {"scan", Scan},         {"lstat", Lstat},       {"flock", Flock},
      {"mount", Mount},       {"unmount", Unmount},   {"syncfs", Syncfs},
      {"openBeneath", OpenBeneath},
      {"mknod", Mknod},       {"setMtime", SetMtime}, {"setXattr", SetXattr},
      {"removeXattr", RemoveXattr},
      {"discard", Discard},
  };
  for (const auto& [name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
}
