// Loop devices (loop(4)) that the kernel detaches with their last user, however that ends.
#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "task.h"

namespace {

// A device stays what it is while it is open.
struct Attached {
  std::string device;
  int fd;
};

Descriptor Open(const std::string& path, int flags) {
  Descriptor opened(open(path.c_str(), flags | O_CLOEXEC));
  if (opened.fd < 0) Fail("open", path);
  return opened;
}

bool IsReadOnlyLoopOf(int device, const struct stat& file) {
  struct loop_info64 status {};
  if (ioctl(device, LOOP_GET_STATUS64, &status) != 0) return false;
  const bool isWhole = status.lo_offset == 0 && status.lo_sizelimit == 0;
  return isWhole && (status.lo_flags & LO_FLAGS_READ_ONLY) && status.lo_inode == file.st_ino &&
         status.lo_device == file.st_dev;
}

// Two devices of one file would have two file systems, each with a cache of its own.
std::optional<Attached> FindReadOnly(const struct stat& file) {
  DIR* list = opendir("/sys/block");
  if (list == nullptr) return std::nullopt;
  std::optional<Attached> found;
  while (const dirent* entry = readdir(list)) {
    const std::string name = entry->d_name;
    // A device without a file has no such directory.
    if (name.rfind("loop", 0) != 0 || access(("/sys/block/" + name + "/loop").c_str(), F_OK) != 0) continue;
    const std::string device = "/dev/" + name;
    Descriptor opened(open(device.c_str(), O_RDONLY | O_CLOEXEC));
    if (opened.fd < 0 || !IsReadOnlyLoopOf(opened.fd, file)) continue;
    found = Attached{device, opened.Release()};
    break;
  }
  closedir(list);
  return found;
}

Attached Configure(int file, bool readOnly) {
  const Descriptor control = Open("/dev/loop-control", O_RDWR);
  struct loop_config config {};
  config.fd = static_cast<uint32_t>(file);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (readOnly ? LO_FLAGS_READ_ONLY : 0);
  for (;;) {
    const int number = ioctl(control.fd, LOOP_CTL_GET_FREE);
    if (number < 0) Fail("LOOP_CTL_GET_FREE", "/dev/loop-control");
    const std::string device = "/dev/loop" + std::to_string(number);
    Descriptor opened = Open(device, readOnly ? O_RDONLY : O_RDWR);
    if (ioctl(opened.fd, LOOP_CONFIGURE, &config) == 0) return {device, opened.Release()};
    // Another process has taken it meanwhile.
    if (errno != EBUSY) Fail("LOOP_CONFIGURE", device);
  }
}

Attached Attach(const std::string& path, bool readOnly) {
  const Descriptor file = Open(path, readOnly ? O_RDONLY : O_RDWR);
  if (!readOnly) return Configure(file.fd, false);
  // The loop device keeps the other descriptor's file open, and a lock on that would stay with it.
  const Descriptor lock = Open(path, O_RDONLY);
  while (flock(lock.fd, LOCK_EX) != 0) {
    if (errno != EINTR) Fail("flock", path);
  }
  struct stat status {};
  if (fstat(file.fd, &status) != 0) Fail("fstat", path);
  if (auto found = FindReadOnly(status)) return *found;
  return Configure(file.fd, true);
}

Napi::Value AttachLoop(const Napi::CallbackInfo& info) {
  return Task<Attached>::Run(
      info.Env(), [path = Bytes(info, 0), readOnly = Flag(info, 1)] { return Attach(path, readOnly); },
      [](Napi::Env env, const Attached& attached) -> Napi::Value {
        auto object = Napi::Object::New(env);
        object.Set("device", attached.device);
        object.Set("fd", attached.fd);
        return object;
      });
}

// What was allocated and never written reads as a hole, to file systems that have such extents.
void PunchHoles(const std::string& path) {
  const Descriptor file = Open(path, O_RDWR);
  struct stat status {};
  if (fstat(file.fd, &status) != 0) Fail("fstat", path);
  for (off_t at = 0; at < status.st_size;) {
    const off_t hole = lseek(file.fd, at, SEEK_HOLE);
    if (hole < 0) Fail("lseek", path);
    if (hole >= status.st_size) return;
    off_t end = lseek(file.fd, hole, SEEK_DATA);
    // No data up to the end of the file.
    if (end < 0 && errno == ENXIO) end = status.st_size;
    if (end < 0) Fail("lseek", path);
    if (fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole, end - hole) != 0) {
      Fail("fallocate", path);
    }
    at = end;
  }
}

Napi::Value PunchHolesJs(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [path = Bytes(info, 0)] { PunchHoles(path); });
}

}  // namespace

void InitLoop(Napi::Env env, Napi::Object exports) {
  exports.Set("attachLoop", Napi::Function::New(env, AttachLoop, "attachLoop"));
  exports.Set("punchHoles", Napi::Function::New(env, PunchHolesJs, "punchHoles"));
}
